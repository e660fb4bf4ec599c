"""The meaning of `select`."""

from __future__ import annotations

from torch import Tensor


def select(x: Tensor, rows: Tensor, out: Tensor) -> None:
    """out = x[rows].  x [T, D] float32, rows [S] int32, out [S, D] float32."""
    out.copy_(x[rows.long()])
