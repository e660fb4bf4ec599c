"""Counts of drafts with and without hindsight, over the demo trio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bench.engine.gate import WrongOutputError
from bench.engine.hindsight import HINDSIGHT, Engines, count, open_engine
from proxyfuse import LLM, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.text.tokenizer import Tokenizer

pytest.importorskip("proxyfuse_kernels._cpu")

TOKENS = 200  # of each
CODE = (
    "class Reader:\n    def __init__(self, name):\n",
    "import os\n\ndef walk(top):\n    for name in",
)
PARAMS = SamplingParams(temperature=0, alpha=0.5, max_tokens=TOKENS, seed=1, ignore_eos=True)


@pytest.fixture
def engines() -> Iterator[Engines]:
    with ExitStack() as stack:
        yield {
            (3, name): stack.enter_context(open_engine(3, HINDSIGHT[name])) for name in HINDSIGHT
        }


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    tokenizer = Tokenizer(model_folder("base"))
    return [tokenizer.encode(text) for text in CODE]


def counted(engines: Engines, prompts: list[list[int]]) -> dict[str, Any]:
    with open_engine(0) as plain:
        found = count(plain, engines, prompts, PARAMS)
    assert (found["texts"], found["tokens"]) == (2, 2 * TOKENS)
    its: dict[str, Any] = found["3"]
    for one in its.values():
        assert one["tokens_per_base_pass"] == 2 * TOKENS / one["base_passes"]
    return its


def test_hindsight_is_what_the_two_engines_differ_in(
    engines: Engines, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    its = counted(engines, prompts)
    assert its["with"]["base_passes"] < its["without"]["base_passes"]
    monkeypatch.setattr("proxyfuse_kernels.cpu.ops.TRUST", 0.0)
    with open_engine(3) as trusting_nothing:
        assert counted({(3, "with"): trusting_nothing}, prompts)["with"] == its["without"]


def test_who_writes_another_text_is_not_counted(engines: Engines, prompts: list[list[int]]) -> None:
    folders = [model_folder(role) for role in ("base", "tuned", "antiexpert")]
    with (
        LLM(*folders, device="cpu", dtype="bfloat16", speculate=0) as other,
        pytest.raises(WrongOutputError, match="3 drafts, without hindsight: another text"),
    ):
        count(other, engines, prompts, PARAMS)
