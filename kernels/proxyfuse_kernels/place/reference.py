"""The meaning of `place`."""

from __future__ import annotations

from torch import Tensor


def place(tokens: Tensor, index: Tensor, out: Tensor) -> None:
    """out[index[t, i]] = tokens[i].  tokens [N] int32, index [targets, N] int32, out [M] int32."""
    out[index.long()] = tokens.expand_as(index)
