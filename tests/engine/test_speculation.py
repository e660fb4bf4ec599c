"""Drafts change how fast a text is written, and nothing else about it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from proxyfuse import LLM, Prompt, RequestOutput, SamplingParams
from proxyfuse.engine import devices
from proxyfuse.trio import Role, Trio
from tests.engine.crowd import random_request, texts
from tests.engine.drafters import Reader, Whims, use
from tests.tiny import make_trio

CROWD = 24
TIGHT = {"page_size": 3, "max_num_seqs": 7, "max_num_batched_tokens": 16}
AMPLE = {"kv_cache_bytes": 1 << 22}
SETTINGS: dict[str, dict[str, Any]] = {
    "ample": AMPLE,
    "no prefix cache": {**AMPLE, "enable_prefix_caching": False},
    "one at a time": {**AMPLE, "max_num_seqs": 1},
    "tight": TIGHT,
    "tight, no prefix cache": {**TIGHT, "enable_prefix_caching": False},
    "few rows": {**AMPLE, "max_num_batched_tokens": 7, "max_num_seqs": 3},
}
FAMILIES: dict[str, tuple[Role, Role, Role]] = {  # who plays base, expert and antiexpert
    "strangers": (Role.BASE, Role.EXPERT, Role.ANTIEXPERT),
    "one expert": (Role.EXPERT, Role.EXPERT, Role.ANTIEXPERT),
    "all one": (Role.EXPERT, Role.EXPERT, Role.EXPERT),
}
LEAST = {"strangers": 56_000, "one expert": 35_000, "all one": 35_000}  # bytes for the longest
Request = tuple[Prompt, SamplingParams]


def crowd(seed: int) -> list[Request]:
    rng = random.Random(seed)
    shared = [rng.randrange(1, 293) for _ in range(15)]
    return [random_request(rng, shared) for _ in range(CROWD)]


def write(llm: LLM, requests: list[Request]) -> list[RequestOutput]:
    prompts, params = zip(*requests, strict=True)
    return llm.generate(list(prompts), list(params), use_tqdm=False)


@dataclass
class Plain:
    """What is written without drafts, once for each family and crowd."""

    open_llm: Any
    trio: Trio
    known: dict[tuple[str, int], list[RequestOutput]]

    def open(self, family: str, **options: Any) -> LLM:
        folders = Trio({r: self.trio[of] for r, of in zip(Role, FAMILIES[family], strict=True)})
        return self.open_llm(folders, **{"kv_cache_bytes": LEAST[family], **options})

    def __call__(self, family: str, seed: int) -> list[RequestOutput]:
        if (family, seed) not in self.known:
            llm = self.open(family, speculate=0, **AMPLE)
            self.known[family, seed] = write(llm, crowd(seed))
        return self.known[family, seed]


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, int], list[RequestOutput]]:
    return {}


@pytest.fixture
def plain(open_llm, trio, known) -> Plain:
    return Plain(open_llm, trio, known)


@pytest.fixture
def torch_only(monkeypatch) -> None:
    """No compiled kernels run the models."""
    monkeypatch.setattr(devices, "make_team", lambda threads: None)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("speculate", [1, 2, 5, 13, "auto"])
def test_the_text_is_that_of_plain_decoding(plain, speculate: int | str, setting: str) -> None:
    family = random.Random(f"{speculate}{setting}").choice(list(FAMILIES))
    llm = plain.open(family, speculate=speculate, **SETTINGS[setting])
    assert texts(write(llm, crowd(0))) == texts(plain(family, 0))


def test_the_hard_cases_do_happen(plain) -> None:
    """Guards the tests around it: drafts of all kinds are kept and dropped, and some end a text."""
    wanted = plain("one expert", 1)
    llm = plain.open("one expert", speculate=9, **SETTINGS["tight, no prefix cache"])
    use(llm, Whims(9, random.Random(0), wanted))
    flights = []
    settle = llm._loaded.engine.settle
    llm._loaded.engine.settle = lambda flight: (flights.append(flight), settle(flight))[1]
    outputs = write(llm, crowd(1))
    samples = [sample for flight in flights for sample in flight.plan.samples]
    assert any(flight.plan.preempted for flight in flights)
    assert {len(s.sequence.lanes) for s in samples if s.proposed} == {1, 3}
    mixed = [
        {"drawn" if s.drawn else "named" if s.proposed else "none" for s in flight.plan.samples}
        for flight in flights
    ]
    assert {"drawn", "named", "none"} in mixed
    early = [f.fed < len(f.layout.stretches) for f in flights if f.layout.stretches]
    assert True in early and False in early
    written = [one for output in outputs for one in output.outputs]
    assert 0 < sum(one.accepted for one in written) < sum(one.drafted for one in written)
    reasons = {(one.finish_reason, type(one.stop_reason)) for one in written if one.accepted}
    assert reasons >= {("length", type(None)), ("stop", str)}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_draft_by_anyone_leaves_the_text_alone(plain, family: str, setting: str) -> None:
    wanted = plain(family, 1)
    llm = plain.open(family, speculate=9, **SETTINGS[setting])
    use(llm, Whims(9, random.Random(setting), wanted))
    assert texts(write(llm, crowd(1))) == texts(wanted)


def test_ids_that_only_the_base_knows_are_never_fed_to_the_proxies(
    tmp_path, open_llm, torch_only
) -> None:
    llm = open_llm(make_trio(tmp_path, base={"vocab_size": 900}))
    use(llm, Reader(llm._loaded.limits.vocab))
    prompt = Prompt([7, 8, 9, 5, 899, 7, 8, 9], expert=[5], antiexpert=[5])
    output = write(llm, [(prompt, SamplingParams(temperature=0, max_tokens=5, ignore_eos=True))])
    assert (output[0].outputs[0].finish_reason, output[0].outputs[0].drafted > 0) == (
        "length",
        True,
    )


@pytest.mark.parametrize("speculate", [3, "auto"])
def test_plain_torch_writes_the_same_with_drafts(plain, torch_only, speculate: int | str) -> None:
    """The same as its own plain decoding: logits of other kernels need not have the same bits."""
    wanted = write(plain.open("one expert", speculate=0, **AMPLE), crowd(2)[:8])
    llm = plain.open("one expert", speculate=speculate, **SETTINGS["few rows"])
    assert texts(write(llm, crowd(2)[:8])) == texts(wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_torch_takes_any_draft(plain, torch_only, family: str) -> None:
    wanted = write(plain.open(family, speculate=0, **AMPLE), crowd(3)[:8])
    llm = plain.open(family, speculate=9, **SETTINGS["tight"])
    use(llm, Whims(9, random.Random(0), wanted))
    assert texts(write(llm, crowd(3)[:8])) == texts(wanted)


@pytest.mark.parametrize("speculate", [4, "auto"])
def test_an_abort_in_mid_flight_costs_nobody_else(plain, speculate: int | str) -> None:
    wanted, rng = texts(plain("one expert", 1)), random.Random(7)
    llm = plain.open("one expert", speculate=speculate, **SETTINGS["tight"])
    engine, gone = llm._loaded.engine, set[str]()
    settle = engine.settle

    def settle_and_abort(flight: Any) -> None:
        settle(flight)
        if engine.busy and rng.random() < 0.1:
            gone.add(rng.choice(list(engine._requests)))
            for request_id in gone:
                engine.abort(request_id)

    engine.settle = settle_and_abort
    outputs = write(llm, crowd(1))
    assert 2 < len(gone) < CROWD
    for output, found, want in zip(outputs, texts(outputs), wanted, strict=True):
        if output.request_id not in gone:
            assert found == want
        for one, whole in zip(found[1], want[1], strict=True):
            assert one[2] == whole[2][: len(one[2])]


@pytest.mark.parametrize("speculate", [3, "auto"])
def test_streams_and_scores_are_those_of_plain_decoding(plain, speculate: int | str) -> None:
    llms = [plain.open("one expert", speculate=how, **AMPLE) for how in (0, speculate)]
    for prompt, params in crowd(4)[:8]:
        news = [list(llm.stream(prompt, replace(params, n=1))) for llm in llms]
        texts_of = ["".join(item.outputs[0].text for item in items) for items in news]
        ids_of = [[i for item in items for i in item.outputs[0].token_ids] for items in news]
        assert texts_of[0] == texts_of[1] and ids_of[0] == ids_of[1]
        assert len(news[1]) <= len(news[0])
        given = [(ids_of[0] * 3)[:20]]
        scores = [llm.score([prompt], given, alpha=0.7, use_tqdm=False) for llm in llms]
        assert scores[0] == scores[1]
