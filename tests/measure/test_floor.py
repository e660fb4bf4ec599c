"""A floor counts the weights that a step reads, at the rate of a stream that reads them all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from proxyfuse.measure import ReadStream, Spread, bytes_a_token, share_of_floor
from proxyfuse.trio import Role, Trio
from tests.tiny import make_model, make_trio


def read_by_a_step(folder: Path) -> int:
    """Parameters but for an embedding that is no head, as Hugging Face counts them."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    lookup = model.get_input_embeddings().weight.numel()
    total: int = model.num_parameters() - (0 if model.config.tie_word_embeddings else lookup)
    return total


def test_bytes_a_token_are_those_of_the_roles_asked_for(tmp_path: Path) -> None:
    trio = Trio(dict(make_trio(tmp_path)) | {Role.BASE: tmp_path / "tied"})
    make_model(tmp_path / "tied", "llama3")
    want = trio.map(read_by_a_step)
    assert bytes_a_token(trio, torch.bfloat16) == 2 * sum(want.values())
    assert bytes_a_token(trio, torch.float32, (Role.BASE,)) == 4 * want.base
    assert bytes_a_token({Role.BASE: trio.base}, torch.float32) == 4 * want.base


def test_a_stream_reads_every_byte_it_says() -> None:
    assert ReadStream("cpu", 4096)() == 1024.0  # ones, four bytes each


def test_a_share_is_the_floor_over_the_time_pair_by_pair() -> None:
    # 100 bytes in 2 s, then in 1 s; 50 bytes of weights are due in 1 s, then in half a second.
    assert share_of_floor([2.0, 1.0], [2.0, 0.5], 100, 50) == Spread(0.75, 0.5, 1.0)


@pytest.mark.gpu
def test_a_stream_of_the_device() -> None:
    assert ReadStream("cuda", 1 << 20)() == float(1 << 18)
