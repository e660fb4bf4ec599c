"""Nobody waits for good: failures, closing and forking each reach those they concern."""

from __future__ import annotations

import os
from typing import Any

import pytest

from proxyfuse import LLM, SamplingParams
from proxyfuse.engine.writing import Writing
from proxyfuse.errors import EngineError
from proxyfuse.text.stopping import TextStream

LONG = SamplingParams(temperature=0, max_tokens=100, ignore_eos=True)
SHORT = SamplingParams(temperature=0, max_tokens=3, ignore_eos=True)


def reasons(llm: LLM, prompts: list[str], params: SamplingParams) -> list[str | None]:
    outputs = llm.generate(prompts, params, use_tqdm=False)
    return [output.outputs[0].finish_reason for output in outputs]


@pytest.mark.parametrize("failure", [RuntimeError("boom"), MemoryError("boom"), SystemExit(3)])
@pytest.mark.parametrize("part", ["runner.launch", "scheduler.plan", "scheduler.settle"])
def test_a_failed_step_fails_its_requests_and_the_engine_goes_on(
    trio, open_llm, monkeypatch, part: str, failure: BaseException
) -> None:
    llm = open_llm(trio)
    name, method = part.split(".")
    owner = getattr(llm._loaded, name)
    calls = fail_on(monkeypatch, owner, method, 5, failure)
    assert reasons(llm, ["the cat", "the dog"], LONG) == ["error", "error"]
    assert len(calls) == 5
    assert reasons(llm, ["the cat"], SHORT) == ["length"]


def test_a_step_that_fails_as_a_text_ends_loses_no_page(trio, open_llm, monkeypatch) -> None:
    """The draw that ends a text was taken, but not yet settled: its pages are still held."""
    llm = open_llm(trio)
    fail_on(monkeypatch, llm._loaded.scheduler, "settle", 3, RuntimeError("boom"))
    assert reasons(llm, ["the cat"], SHORT) == ["error"]
    assert llm._loaded.scheduler.idle


@pytest.mark.parametrize(("owner", "method"), [(Writing, "take"), (TextStream, "finish")])
def test_one_text_that_fails_fails_alone(trio, open_llm, monkeypatch, owner, method) -> None:
    llm = open_llm(trio, speculate=0)  # whose draft holds ends first
    fail_on(monkeypatch, owner, method, 1, RuntimeError("boom"))
    assert reasons(llm, ["the cat", "the dog", "rain"], SHORT) == ["error", "length", "length"]


def test_closing_aborts_what_runs_and_a_stream_left_open_may_be_closed(trio, open_llm) -> None:
    llm = open_llm(trio)
    left, read = llm.stream("the cat", LONG), llm.stream("the dog", LONG)
    next(left)
    next(read)
    llm.close()
    assert [output.outputs[0].finish_reason for output in read][-1] == "abort"
    left.close()
    llm.abort("0")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_that_it_has_no_engine(trio, open_llm) -> None:
    llm = open_llm(trio)
    child = os.fork()
    if not child:
        try:
            llm.generate("the cat", SHORT, use_tqdm=False)
        except EngineError as error:
            os._exit(0 if "forked" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert reasons(llm, ["the cat"], SHORT) == ["length"]


def fail_on(monkeypatch, owner: Any, method: str, call: int, failure: BaseException) -> list[None]:
    """From now on call number `call` of a method raises; the others work. Returns the calls."""
    real = getattr(owner, method)
    calls: list[None] = []

    def sometimes(*given: Any) -> Any:
        calls.append(None)
        if len(calls) == call:
            raise failure
        return real(*given)

    monkeypatch.setattr(owner, method, sometimes)
    return calls
