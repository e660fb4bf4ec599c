"""The engine with its Triton operations, interpreted on a CPU: what the oracle writes."""

from __future__ import annotations

import pytest

pytest.importorskip("triton")
from proxyfuse import Prompt, SamplingParams
from proxyfuse.engine import devices
from proxyfuse.runner.gpu_ops import make_gpu_ops
from proxyfuse_kernels.gpu.ops import TritonOps
from tests.engine.test_oracle import check
from tests.interpreted import like_a_chip
from tests.tiny import make_trio


@pytest.fixture
def _triton(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines opened from now on compute with what they would on a GPU."""
    ops = make_gpu_ops(one_path=True)
    assert isinstance(ops, TritonOps)
    like_a_chip(monkeypatch)
    monkeypatch.setattr(devices, "make_team", lambda threads: None)
    calls = devices.calls
    monkeypatch.setattr(devices, "calls", lambda vocab: calls(vocab, ops))


@pytest.mark.usefixtures("_triton")
@pytest.mark.parametrize("family", ["qwen3", "qwen2-windows"])
def test_a_few_tokens_are_the_oracle_s(family: str, tmp_path, open_llm) -> None:
    shapes = {"base": {"num_hidden_layers": 2}, "proxy": {"num_hidden_layers": 1}}
    llm = open_llm(make_trio(tmp_path, family, **shapes), page_size=5, speculate=2)
    prompts = [Prompt([5, 6, 7, 8, 9, 10, 11, 12]), Prompt([40, 41])]
    params = [
        SamplingParams(temperature=0.0, seed=0, max_tokens=3, ignore_eos=True),
        SamplingParams(temperature=0.9, seed=3, max_tokens=3, ignore_eos=True),
    ]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    for asked in zip(prompts, params, outputs, strict=True):
        check(llm, *asked)
