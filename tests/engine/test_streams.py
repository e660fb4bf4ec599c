"""The engine over a device that does everything as late as it may, in any order that it may."""

from __future__ import annotations

import random

import pytest

from proxyfuse import LLM, Prompt, RequestOutput, SamplingParams
from proxyfuse.engine import devices
from tests.engine.crowd import random_request, texts
from tests.fake.device import World
from tests.fake.engine import put_on

AMPLE = {"kv_cache_bytes": 1 << 22}
TIGHT = {"page_size": 3, "max_num_seqs": 5, "max_num_batched_tokens": 16, "kv_cache_bytes": 56_000}
Request = tuple[Prompt, SamplingParams]


def crowd(seed: int, count: int = 6) -> list[Request]:
    rng = random.Random(seed)
    shared = [rng.randrange(1, 293) for _ in range(15)]
    return [random_request(rng, shared) for _ in range(count)]


def write(llm: LLM, requests: list[Request]) -> list[RequestOutput]:
    prompts, params = zip(*requests, strict=True)
    return llm.generate(list(prompts), list(params), use_tqdm=False)


@pytest.fixture
def plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's operations are the plain ones: so are those it is compared with."""
    monkeypatch.setattr(devices, "make_team", lambda threads: None)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("speculate", [0, 3])
@pytest.mark.parametrize("options", [AMPLE, TIGHT], ids=["ample", "tight"])
def test_what_is_written_is_what_the_host_writes(
    trio, open_llm, plain_torch, monkeypatch, options, speculate: int, seed: int
) -> None:
    wanted = texts(write(open_llm(trio, speculate=0, **AMPLE), crowd(seed)))
    world = World(seed)
    put_on(world, monkeypatch)
    assert texts(write(open_llm(trio, speculate=speculate, **options), crowd(seed))) == wanted
    assert world.counts["down"] and world.counts["up"]
