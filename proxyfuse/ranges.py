"""What counts as a number in range; no truth value, no NaN and no infinity does."""

from __future__ import annotations

import math

FLOAT32_MOST = 3.4e38  # parameters reach the sampler in float32, where more is an infinity


def is_whole(value: object, least: float = 0, most: float = math.inf) -> bool:
    """Whether this is an `int` from `least` to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_real(value: object, least: float = -FLOAT32_MOST, most: float = FLOAT32_MOST) -> bool:
    """Whether this is an `int` or `float` from `least` to `most`."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and least <= value <= most  # type: ignore[operator]
