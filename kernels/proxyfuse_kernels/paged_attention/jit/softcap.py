"""Scores kept below a cap (Gemma 2): cap * tanh(score / cap)."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def capped(scores, CAP: tl.constexpr):
    """cap * tanh(scores / cap), within a few units in the last place everywhere."""
    x = scores / CAP
    size = tl.abs(x)
    square = x * x
    # tanh(x) / x - 1 over x^2, fitted on [0, 0.6]: there the quotient below cancels
    series = -0.0059058829 * square + 0.0208053980
    series = series * square - 0.0537866876
    series = series * square + 0.1333195865
    series = series * square - 0.3333329856
    near = x + x * square * series
    fall = tl.exp(-2.0 * size)
    far = (1.0 - fall) / (1.0 + fall)
    return CAP * tl.where(size < 0.6, near, tl.where(x < 0.0, -far, far))
