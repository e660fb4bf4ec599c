"""A kernel that any test can tell the results of."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def doubled(source, target, size, WIDTH: tl.constexpr):
    """Programs of x and y count together."""
    at = (tl.program_id(0) + tl.program_id(1)) * WIDTH + tl.arange(0, WIDTH)
    tl.store(target + at, 2 * tl.load(source + at, mask=at < size), mask=at < size)
