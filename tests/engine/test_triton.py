"""The engine as it is wired for a GPU, its Triton kernels interpreted over a device that is late.

Tokens are the oracle's, out of graphs that were captured when a shape was met again.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

pytest.importorskip("triton")
from proxyfuse import Prompt, SamplingParams
from proxyfuse.config import EngineConfig
from proxyfuse.engine import devices
from proxyfuse.runner import warmup
from proxyfuse.trio import Role
from proxyfuse_kernels.gpu.ops import TritonOps
from proxyfuse_kernels.proxy_sample.launch import TritonSampler
from tests.engine.test_oracle import check
from tests.fake.device import World
from tests.fake.engine import put_on
from tests.interpreted import like_a_chip
from tests.specialised import watch
from tests.stored_fp8 import store
from tests.tiny import make_trio

PROMPTS = [Prompt([5, 6, 7, 8, 9, 10, 11]), Prompt([40, 41])]
PARAMS = [
    SamplingParams(temperature=0.0, seed=0, max_tokens=4, ignore_eos=True),
    SamplingParams(temperature=0.9, seed=3, top_p=0.9, max_tokens=3, ignore_eos=True),
]


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("qwen3", {"speculate": 2, "max_num_seqs": 1}),  # graphs of one size
        ("qwen2-windows", {"speculate": 1, "enforce_eager": True, "batch_invariant": True}),
        ("llama-biased", {"speculate": 2, "max_num_seqs": 1, "base_quantization": "fp8"}),
        ("qwen3", {"speculate": 0, "max_num_seqs": 1, "proxies": "grouped"}),
        ("llama-biased", {"speculate": 0, "enforce_eager": True, "proxies": "grouped"}),
    ],
)
def test_a_few_tokens_are_the_oracle_s(
    family: str, options: dict[str, Any], tmp_path, open_llm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmup, "PROMPTS", (1, 3))  # the interpreter is slow
    monkeypatch.setattr(warmup, "SECONDS", 1e9)
    world, drawn = World(0), 0
    put_on(world, monkeypatch, devices.calls)
    like_a_chip(monkeypatch)
    into = TritonSampler.into

    def counted(*of: Any) -> None:
        nonlocal drawn
        drawn += 1
        into(*of)

    monkeypatch.setattr(TritonSampler, "into", counted)
    layers = {"num_hidden_layers": 1 + ("enforce_eager" in options)}
    trio = make_trio(tmp_path, family, base=layers, proxy=layers)
    if "base_quantization" in options:
        store(trio[Role.EXPERT], "tensor")
    llm = open_llm(trio, page_size=5, **options)
    outputs = llm.generate(PROMPTS, PARAMS, use_tqdm=False)
    for asked in zip(PROMPTS, PARAMS, outputs, strict=True):
        check(llm, *asked)
    assert drawn > 0
    assert any(name.startswith("join") for name in world.log) == ("proxies" in options)
    assert (world.counts["replays"] > 0) == ("enforce_eager" not in options)


ASKED: list[dict[str, Any]] = [
    {"logprobs": 2},
    {"prompt_logprobs": 1},
    {"allowed_token_ids": [5, 6, 7], "logprobs": 0},
    {"allowed_token_ids": [5, 6, 7], "alpha": 0.0},
    {"logit_bias": {5: 2.0}, "min_tokens": 1},
    {"repetition_penalty": 1.2, "presence_penalty": 0.5, "logprobs": 1, "alpha": 0.0},
    {"top_k": 5, "min_p": 0.1},
]


def test_nothing_is_compiled_in_traffic(tmp_path, open_llm, monkeypatch) -> None:
    """Whatever rows ask for, with drafts and without, of three roles and of the base alone."""
    monkeypatch.setattr(warmup, "PROMPTS", (1, 7))
    monkeypatch.setattr(warmup, "SECONDS", 1e9)
    put_on(World(0), monkeypatch, devices.calls)
    keys = watch(monkeypatch)
    layers = {"num_hidden_layers": 1}
    trio = make_trio(tmp_path, "qwen3", base=layers, proxy=layers)
    llm = open_llm(trio, page_size=5, speculate=1, max_num_seqs=2)
    loaded = {name: set(found) for name, found in keys.items()}
    params = [SamplingParams(max_tokens=3, ignore_eos=True, seed=1, **asked) for asked in ASKED]
    llm.generate([Prompt([5, 6, 7, 8, 9, 10])] * len(params), params, use_tqdm=False)
    llm.score([[5, 6]], [[7, 8, 9]], use_tqdm=False)
    new = {name: found - loaded.get(name, set()) for name, found in keys.items()}
    assert not any(new.values()), {name: found for name, found in new.items() if found}


def test_calls_are_triton_s_and_fit_for_graphs() -> None:
    config = EngineConfig(device="cpu", batch_invariant=True)
    draw, ops, fit = devices.calls(config, torch.device("cpu"), 50, 3)
    assert isinstance(getattr(draw, "__self__", None), TritonSampler) and fit
    assert isinstance(ops, TritonOps) and ops.one_path
