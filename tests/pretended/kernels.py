"""A kernel whose results any test can tell, and one that is a name alone."""

from __future__ import annotations

import ctypes

import torch
import triton
import triton.language as tl

from tests.pretended import driver

Three = tuple[int, int, int]


@triton.jit
def doubled(source, target, size, WIDTH: tl.constexpr):
    """Programs of x and y count together."""
    at = (tl.program_id(0) + tl.program_id(1)) * WIDTH + tl.arange(0, WIDTH)
    tl.store(target + at, 2 * tl.load(source + at, mask=at < size), mask=at < size)


def launched(
    stream: torch.cuda.Stream, grid: Three = (1, 1, 1), block: Three = (1, 1, 1), shared: int = 0
) -> int:
    """The driver's error, or 0, for a launch as Triton's launcher makes it."""
    function, where = ctypes.c_void_p(), ctypes.c_void_p(stream.cuda_stream)
    assert driver.library.cuModuleGetFunction(ctypes.byref(function), None, b"kernel") == 0
    sizes = map(ctypes.c_uint, (*grid, *block, shared))
    return int(driver.library.cuLaunchKernel(function, *sizes, where, None, None))
