"""GGUF files against the folder they came from; llama.cpp itself reads them in the gate's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from proxyfuse.errors import ModelError
from proxyfuse.trio import Trio
from tests.tiny import make_model

gguf = pytest.importorskip("gguf")

from bench.peers import gguf_file  # noqa: E402


def stored(file: Path) -> dict[str, Tensor]:
    """Every tensor as float32, by gguf's own reader."""
    tensors = gguf.GGUFReader(file).tensors
    return {
        it.name: torch.from_numpy(gguf.dequantize(it.data, it.tensor_type).copy()) for it in tensors
    }


def test_every_weight_is_there_bit_for_bit(small: Trio[Path], tmp_path: Path) -> None:
    gguf_file.write(small.base, gguf_file.KINDS["bfloat16"], tmp_path / "it.gguf")
    found = stored(tmp_path / "it.gguf")
    want = {}
    for file in small.base.glob("*.safetensors"):
        want |= load_file(file)
    assert len(found) == len(want)
    down = want["model.layers.1.mlp.down_proj.weight"]
    assert torch.equal(found["blk.1.ffn_down.weight"], down.float())
    assert torch.equal(found["output.weight"], want["lm_head.weight"].float())
    assert found["output_norm.weight"].shape == (64,)


def test_eight_bits_are_off_by_half_a_step_of_each_block(small: Trio[Path], tmp_path: Path) -> None:
    gguf_file.write(small.base, gguf_file.KINDS["q8_0"], tmp_path / "it.gguf")
    found = stored(tmp_path / "it.gguf")["token_embd.weight"]
    want = load_file(small.base / "rest.safetensors")["model.embed_tokens.weight"].float()
    blocks, error = want.view(301, -1, 32), (found - want).view(301, -1, 32)
    step = blocks.abs().amax(-1) / 127
    # Half a step, and what rounding the step itself to float16 moves 127 of them by.
    assert (error.abs().amax(-1) <= step * (0.5 + 127 * 2**-11)).all()


def test_pairs_rotate_as_halves_did() -> None:
    """Rows in llama.cpp's order, rotated its way, are Hugging Face's rotated halves reordered."""
    heads, size, angle = 3, 8, torch.rand(4)
    weight, x = torch.randn(heads * size, 5), torch.randn(5)
    halves = (weight @ x).view(heads, 2, 4)
    a, b = halves[:, 0], halves[:, 1]
    want = torch.stack([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)
    pairs = (gguf_file.paired(weight, heads) @ x).view(heads, 4, 2)
    even, odd = pairs[..., 0], pairs[..., 1]
    got = torch.stack(
        [even * angle.cos() - odd * angle.sin(), odd * angle.cos() + even * angle.sin()], -1
    )
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama-biased", "mistral"])
def test_what_is_no_plain_llama_is_refused(tmp_path: Path, family: str) -> None:
    make_model(tmp_path, family)
    with pytest.raises(ModelError, match="want a Llama without biases"):
        gguf_file.write(tmp_path, gguf_file.KINDS["float32"], tmp_path / "it.gguf")
