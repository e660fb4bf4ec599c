"""The meaning of `embed`."""

from __future__ import annotations

from torch import Tensor


def embed(ids: Tensor, table: Tensor, out: Tensor) -> None:
    """out = float32(table[ids]).  ids [T] int32, table [V, D], out [T, D] float32."""
    out.copy_(table[ids.long()])
