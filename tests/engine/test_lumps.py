"""Text that nobody looks at yet is made in lumps; nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxyfuse import SamplingParams
from proxyfuse.engine.writing import LAG

LONG = SamplingParams(max_tokens=3 * LAG + 5, temperature=1.0, seed=3, ignore_eos=True)


@pytest.mark.parametrize("tokens", [1, LAG - 1, LAG, LAG + 1, 3 * LAG + 5])
def test_a_whole_text_is_what_a_stream_is(trio, open_llm, tokens: int) -> None:
    llm, params = open_llm(trio), replace(LONG, max_tokens=tokens)
    streamed = "".join(news.outputs[0].text for news in llm.stream("the cat", params))
    whole = llm.generate("the cat", params, use_tqdm=False)[0].outputs[0]
    assert whole.text == streamed
    assert len(whole.token_ids) == tokens


def test_what_was_written_before_an_abort_is_text(trio, open_llm) -> None:
    llm = open_llm(trio)
    engine, settle = llm._loaded.engine, llm._loaded.engine.settle
    steps = 0

    def settle_and_abort(flight: Any) -> float:
        nonlocal steps
        waited = settle(flight)
        steps += 1
        if steps == LAG + 7:
            engine.abort_all()
        return waited

    engine.settle = settle_and_abort
    cut = llm.generate("the cat", replace(LONG, seed=4), use_tqdm=False)[0].outputs[0]
    engine.settle = settle
    assert cut.finish_reason == "abort"
    assert LAG < len(cut.token_ids) < LONG.max_tokens
    same = replace(LONG, seed=4, max_tokens=len(cut.token_ids))
    assert cut.text == llm.generate("the cat", same, use_tqdm=False)[0].outputs[0].text


def test_a_text_that_cannot_be_made_fails_its_own_request(trio, open_llm) -> None:
    """Even where it is made at the very end, or after an abort."""
    llm = open_llm(trio)
    add, engine = llm._loaded.engine.add, llm._loaded.engine

    def add_broken(requests: list[Any]) -> None:
        add(requests)
        for writing in engine._writings.values():
            if writing.sequence.seed == 9:
                writing._stream.push = lambda ids: 1 / 0

    engine.add = add_broken
    params = [replace(LONG, seed=seed, max_tokens=5) for seed in (9, 3)]
    broken, whole = llm.generate(["the cat", "the cat"], params, use_tqdm=False)
    assert broken.outputs[0].finish_reason == "error"
    assert "ZeroDivisionError" in str(broken.outputs[0].stop_reason)
    assert whole.outputs[0].finish_reason == "length"
