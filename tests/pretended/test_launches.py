"""Triton's kernels on the pretended GPU: launched as on one, and refused as on one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.pretended.capturing import captured
from tests.pretended.kernels import doubled, launched

MOST = 65535  # programs in y and in z


def double(x: Tensor, grid: tuple[int, ...]) -> Tensor:
    out = torch.zeros_like(x)
    doubled[grid](x, out, x.numel(), WIDTH=32)
    return out


def test_a_kernel_computes() -> None:
    assert double(torch.arange(50.0, device="cuda"), (2,)).tolist() == [2.0 * i for i in range(50)]


def test_a_kernel_in_a_graph() -> None:
    x, out = torch.ones(8, device="cuda"), torch.zeros(8, device="cuda")
    doubled[(1,)](x, out, 8, WIDTH=32)
    with captured() as graph:
        doubled[(1,)](x, out, 8, WIDTH=32)
    x.fill_(3)
    assert out.tolist() == [2] * 8
    graph.replay()
    assert out.tolist() == [6] * 8


def test_a_tensor_of_the_host() -> None:
    x = torch.ones(8, device="cuda")
    with pytest.raises(ValueError, match=r"cannot be accessed from Triton|cpu tensor"):
        doubled[(1,)](torch.ones(8), x, 8, WIDTH=32)


@pytest.mark.parametrize("axis", [1, 2])
def test_more_programs_than_an_axis_has(axis: int) -> None:
    grid = [1, 1, 1]
    grid[axis] = MOST + 1
    with pytest.raises(RuntimeError, match="invalid argument"):
        double(torch.ones(8, device="cuda"), tuple(grid))


LAUNCHES = {  # grid, block, bytes of shared memory, and the error
    "all that there is": ((1, MOST, MOST), (1024, 1, 1), 232448, 0),
    "threads": ((1, 1, 1), (1024, 2, 1), 0, 1),
    "no threads": ((1, 1, 1), (0, 1, 1), 0, 1),
    "no programs": ((1, 0, 1), (32, 1, 1), 0, 1),
    "shared memory": ((1, 1, 1), (32, 1, 1), 232449, 1),
}


@pytest.mark.parametrize("kind", LAUNCHES)
def test_what_a_multiprocessor_has(kind: str) -> None:
    grid, block, shared, wanted = LAUNCHES[kind]
    assert launched(torch.cuda.current_stream(), grid, block, shared) == wanted
