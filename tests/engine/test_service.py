"""The engine, stepped by whoever owns the thread, writes what `LLM` writes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from proxyfuse import LLM, SamplingParams
from proxyfuse.engine.outputs import RequestOutput
from proxyfuse.engine.service import Service, hush
from proxyfuse.errors import ConfigError, ModelError, RequestError
from proxyfuse.trio import Role

OPTIONS: dict[str, Any] = {
    "dtype": "float32",
    "device": "cpu",
    "kv_cache_bytes": 1 << 20,
    "num_threads": 1,
}
PROMPTS = ("the cat", "a dog and a", "once")
PARAMS = SamplingParams(max_tokens=9, temperature=0.8, ignore_eos=True)


@pytest.fixture
def service(trio) -> Iterator[Service]:
    made = Service(*(str(trio[role]) for role in Role), OPTIONS)
    yield made
    while busy(made):
        made.step()
    assert made._loaded.scheduler.idle


def busy(service: Service) -> bool:
    """Whether a step would do anything, or has something to tell."""
    return service._engine.busy or bool(service._news)


def run(service: Service) -> dict[str, list[RequestOutput]]:
    """Everything it says until it is idle, by request."""
    said: dict[str, list[RequestOutput]] = {}
    while busy(service):
        for output in service.step():
            said.setdefault(output.request_id, []).append(output)
    return said


@pytest.mark.parametrize("streaming", [False, True])
def test_it_writes_what_llm_writes(trio, open_llm, service: Service, streaming: bool) -> None:
    llm: LLM = open_llm(trio)
    wanted = llm.generate(list(PROMPTS), PARAMS, use_tqdm=False)
    for number, prompt in enumerate(PROMPTS):
        service.submit(str(number), [prompt, None, None], [], PARAMS, None, streaming)
    said = run(service)
    for number, output in enumerate(wanted):
        news = said[str(number)]
        assert [part.finished for part in news] == [False] * (len(news) - 1) + [True]
        assert (len(news) > 1) == streaming
        ids = [token for part in news for token in part.outputs[0].token_ids]
        assert ids == output.outputs[0].token_ids
        assert "".join(part.outputs[0].text for part in news) == output.outputs[0].text


def test_a_conversation_is_rendered_for_each_role(trio, open_llm, service: Service) -> None:
    message = {"role": "user", "content": "the cat"}
    (wanted,) = open_llm(trio).chat([message], replace(PARAMS, seed=3), use_tqdm=False)
    service.submit("1", [None, None, None], [message], PARAMS, 3, False)
    assert run(service)["1"][0].outputs == wanted.outputs


def test_a_cancelled_request_says_so_with_the_next_step(service: Service) -> None:
    service.submit("7", ["the cat", None, None], [], PARAMS, None, True)
    service.submit("8", ["a dog", None, None], [], PARAMS, None, True)
    service.step()
    service.cancel("7")
    service.cancel("unknown")
    said = run(service)
    assert said["7"][-1].outputs[0].finish_reason == "abort"
    assert said["8"][-1].outputs[0].finish_reason == "length"


def test_requests_that_share_parameters_have_seeds_of_their_own(
    trio, open_llm, service: Service
) -> None:
    seeds = (3, None, 5, None, 3)
    for number, seed in enumerate(seeds):
        service.submit(str(number), ["the cat", None, None], [], PARAMS, seed, False)
    each = [replace(PARAMS, seed=seed) for seed in seeds]
    wanted = open_llm(trio).generate(["the cat"] * len(seeds), each, use_tqdm=False)
    assert len({str(output.outputs[0].token_ids) for output in wanted}) == 4
    said = run(service)
    assert [said[str(number)][0].outputs for number in range(len(seeds))] == [
        output.outputs for output in wanted
    ]


@pytest.mark.parametrize(
    ("prompt", "params"),
    [("the cat", replace(PARAMS, stop_token_ids=10**9)), ([], PARAMS), ([10**9], PARAMS)],
)
def test_a_refused_request_leaves_nothing_behind(
    service: Service, prompt: str | list[int], params: SamplingParams
) -> None:
    with pytest.raises(RequestError):
        service.submit("1", [prompt, None, None], [], params, None, True)
    assert not busy(service)
    assert service.step() == []


def test_a_step_that_fails_ends_what_was_running(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a broken step")

    service.submit("1", ["the cat", None, None], [], PARAMS, None, True)
    with monkeypatch.context() as patch:
        patch.setattr(service._loaded.runner, "launch", broken)
        (output,) = service.step()
    assert output.finished
    assert output.outputs[0].stop_reason == "ZeroDivisionError: a broken step"
    assert output.outputs[0].error_kind == "engine"
    service.submit("2", ["the cat", None, None], [], PARAMS, None, False)
    assert run(service)["2"][-1].outputs[0].finish_reason == "length"


def test_it_refuses_as_llm_does(trio, tmp_path) -> None:
    with pytest.raises(ConfigError, match="both or none"):
        Service(str(trio.base), str(trio.base), None, OPTIONS)
    with pytest.raises(ModelError):
        Service(str(tmp_path / "nowhere"), None, None, OPTIONS)
    with pytest.raises(ConfigError, match="nonsense"):
        Service(str(trio.base), None, None, {"nonsense": 1})


def test_hushed_means_silent(capfd: pytest.CaptureFixture[str]) -> None:
    nobody = logging.Logger("nobody's")
    nobody.addHandler(logging.StreamHandler())
    try:
        with warnings.catch_warnings():
            hush()
            warnings.warn("nobody asked", stacklevel=1)
            nobody.error("nobody asked")
    finally:
        logging.disable(logging.NOTSET)
    assert capfd.readouterr() == ("", "")
