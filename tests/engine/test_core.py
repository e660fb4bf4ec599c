"""What goes wrong inside costs its own request an error, and nobody waits for ever."""

from __future__ import annotations

import json
import queue
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.engine.request import Request
from proxyfuse.errors import EngineError, TokenizerError
from proxyfuse.trio import Role, Trio

GREEDY = SamplingParams(temperature=0, max_tokens=4, ignore_eos=True)


def test_a_request_that_cannot_begin_ends_alone(trio, open_llm) -> None:
    llm = open_llm(trio)
    maker = llm._loaded.maker
    writings = maker.writings

    def fail_second(request: Request) -> Any:
        if request.request_id == "1":
            raise ValueError("no text can be made")
        return writings(request)

    maker.writings = fail_second
    outputs = llm.generate(["the", "cat", "sat"], GREEDY, use_tqdm=False)
    reasons = [output.outputs[0].finish_reason for output in outputs]
    assert reasons == ["length", "error", "length"]
    assert outputs[1].outputs[0].stop_reason == "ValueError: no text can be made"


@pytest.mark.parametrize("streaming", [False, True])
def test_a_sink_that_raises_is_its_own_loss(trio, open_llm, streaming: bool) -> None:
    llm = open_llm(trio)
    wanted = llm.generate("the cat", GREEDY, use_tqdm=False)[0].outputs
    request = llm._intake.request(
        Prompt("the cat"), GREEDY, queue.SimpleQueue().put, streaming=streaming
    )

    def raises(output: object) -> None:
        raise RuntimeError("nobody is there")

    llm._loop.submit([replace(request, sink=raises)])
    assert llm.generate("the cat", GREEDY, use_tqdm=False)[0].outputs == wanted


def test_a_score_that_was_cut_short_says_so(trio, open_llm) -> None:
    llm = open_llm(trio, max_num_batched_tokens=1)
    launch = llm._loaded.runner.launch

    def aborting(plan: Any, *how: Any) -> Any:
        llm.abort("0")
        return launch(plan, *how)

    llm._loaded.runner.launch = aborting
    with pytest.raises(EngineError, match="0 of 3 tokens"):
        llm.score([[5, 6]], [[7, 8, 9]], use_tqdm=False)


def test_a_failed_step_fails_a_score_by_its_name(trio, open_llm) -> None:
    llm = open_llm(trio)

    def fails(plan: Any, *how: Any) -> Any:
        raise OSError("the device is gone")

    llm._loaded.runner.launch = fails
    with pytest.raises(EngineError, match="OSError: the device is gone"):
        llm.score([[5, 6]], [[7]], use_tqdm=False)


def test_a_decoder_that_cannot_be_followed_is_refused_at_once(trio, tmp_path) -> None:
    folders = Trio({role: tmp_path / role.label for role in Role})
    for role, folder in folders.items():
        shutil.copytree(trio[role], folder)
    path = Path(folders.base) / "tokenizer.json"
    spec = json.loads(path.read_text())
    spec["decoder"] = {"type": "Sequence", "decoders": [spec["decoder"], {"type": "Fuse"}]}
    spec["decoder"]["decoders"].append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    path.write_text(json.dumps(spec))
    with pytest.raises(TokenizerError, match="decoder"):
        LLM(*folders.values(), device="cpu", kv_cache_bytes=1 << 20)
