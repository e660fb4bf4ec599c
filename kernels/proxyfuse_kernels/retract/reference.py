"""The meaning of `retract`."""

from __future__ import annotations

from torch import Tensor


def retract(positions: Tensor, source: Tensor, slack: Tensor) -> None:
    """positions -= slack[source].  positions and source [T] int32, slack [N] int32."""
    positions -= slack[source.long()]
