"""Drafts change how fast a text is written, and nothing else about it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf
from typing import Any

import pytest

from proxyfuse import LLM, Prompt, RequestOutput, SamplingParams
from proxyfuse.engine import load
from proxyfuse.plan import Draft
from proxyfuse.sequence import Sequence
from proxyfuse.speculation import Speculator
from proxyfuse.speculation.speculator import Drafting
from proxyfuse.trio import Role, Trio
from tests.engine.crowd import random_request, texts
from tests.tiny import make_trio

CROWD = 24
TIGHT = {"page_size": 3, "max_num_seqs": 7, "max_num_batched_tokens": 16}
AMPLE = {"kv_cache_bytes": 1 << 22}
SETTINGS: dict[str, dict[str, Any]] = {
    "ample": AMPLE,
    "no prefix cache": {**AMPLE, "enable_prefix_caching": False},
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
    known: dict[tuple[str, int], list[Any]]

    def open(self, family: str, **options: Any) -> LLM:
        folders = Trio({r: self.trio[of] for r, of in zip(Role, FAMILIES[family], strict=True)})
        return self.open_llm(folders, **{"kv_cache_bytes": LEAST[family], **options})

    def __call__(self, family: str, seed: int) -> list[Any]:
        if (family, seed) not in self.known:
            llm = self.open(family, speculate=0, **AMPLE)
            self.known[family, seed] = write(llm, crowd(seed))
        return self.known[family, seed]


KNOWN: dict[tuple[str, int], list[Any]] = {}


@pytest.fixture
def plain(open_llm, trio) -> Plain:
    return Plain(open_llm, trio, KNOWN)


@pytest.fixture
def torch_only(monkeypatch) -> None:
    """No compiled kernels run the models."""
    monkeypatch.setattr(load, "make_team", lambda threads: None)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("speculate", [1, 2, 5, 13, "auto"])
def test_the_text_is_that_of_plain_decoding(plain, speculate: int | str, setting: str) -> None:
    family = random.Random(f"{speculate}{setting}").choice(list(FAMILIES))
    llm = plain.open(family, speculate=speculate, **SETTINGS[setting])
    assert texts(write(llm, crowd(0))) == texts(plain(family, 0))


class Whims(Speculator):
    """Drafts of all kinds at random: drawn by any model, named right or wrong, or none."""

    def __init__(self, most: int, rng: random.Random, outputs: list[RequestOutput]) -> None:
        super().__init__(most, {})
        self._rng = rng
        self._written = {
            (output.request_id, one.index): one.token_ids
            for output in outputs
            for one in output.outputs
        }

    def begin(self, running: int) -> None:
        self.drawer = self._rng.choice([Role.EXPERT, Role.ANTIEXPERT])
        self.least = self._rng.choice([-inf, -4.0, -0.3, 0.0, inf])
        self.doubt = self._rng.choice([0.1, 1.0])

    def draft(self, sequence: Sequence) -> Draft:
        at = len(sequence.continuation)
        length = self._rng.randint(0, max(min(sequence.limit - at - 1, self.most), 0))
        if length and len(sequence.lanes) > 1 and self._rng.random() < 0.5:
            return Draft(length)
        right = self._written[sequence.request_id, sequence.index][at : at + length]
        return Draft(tokens=tuple(t if self._rng.random() < 0.8 else 5 for t in right))


def use(llm: LLM, speculator: Speculator) -> None:
    llm._loaded.scheduler._drafts = speculator.draft
    llm._loaded.engine._speculator = speculator


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_draft_by_anyone_leaves_the_text_alone(plain, family: str, setting: str) -> None:
    wanted = plain(family, 1)
    llm = plain.open(family, speculate=9, **SETTINGS[setting])
    use(llm, Whims(9, random.Random(setting), wanted))
    assert texts(write(llm, crowd(1))) == texts(wanted)


class Reader(Speculator):
    """Whatever the text repeats is looked up, for sequences of three lanes too."""

    def __init__(self, vocab: int) -> None:
        super().__init__(9, {}, vocab=vocab)

    def draft(self, sequence: Sequence) -> Draft:
        room = min(sequence.limit - len(sequence.continuation) - 1, self.most)
        return Draft(tokens=self._look_up(sequence, Drafting(), room))


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
