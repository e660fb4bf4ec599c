"""Two pretended GPUs, which `run.py` asks for."""

from __future__ import annotations

import pytest
import torch

from tests.pretended.kernels import doubled, launched


def test_there_are_two() -> None:
    """Else tests of two would be skipped."""
    assert torch.cuda.device_count() == 2


def test_copies_between_devices() -> None:
    here = torch.arange(8.0, device="cuda:0")
    there = here.to("cuda:1", non_blocking=True)
    assert there.device.index == 1 and there.tolist() == here.tolist()
    there += 1
    here.copy_(there)
    assert here.tolist() == [i + 1.0 for i in range(8)]


def test_each_computes_on_its_own() -> None:
    with torch.cuda.device(1):
        x, out = torch.ones(8, device="cuda"), torch.zeros(8, device="cuda")
        doubled[(1,)](x, out, 8, WIDTH=32)
    assert x.device.index == 1 and out.tolist() == [2] * 8
    with pytest.raises(RuntimeError, match="same device"):
        x.add_(torch.ones(8, device="cuda:0"))


def test_a_kernel_reaches_over() -> None:
    out = torch.zeros(8, device="cuda:0")
    with pytest.raises(ValueError, match="cuda:1"):
        doubled[(1,)](torch.ones(8, device="cuda:1"), out, 8, WIDTH=32)


def test_a_launch_on_a_stream_of_the_other() -> None:
    errors = [launched(torch.cuda.Stream(device)) for device in range(2)]
    assert errors == [0, 400], "an invalid resource handle"


def test_memory_is_each_device_s_own() -> None:
    free = [torch.cuda.mem_get_info(i)[0] for i in range(2)]
    x = torch.zeros(64 << 20, dtype=torch.uint8, device="cuda:1")
    assert torch.cuda.mem_get_info(0)[0] == free[0]
    assert torch.cuda.mem_get_info(1)[0] == free[1] - x.numel()
