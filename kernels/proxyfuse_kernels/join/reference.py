"""The meaning of `join`."""

from __future__ import annotations

import torch
from torch import Tensor


def join(words: Tensor, index: Tensor, shifts: Tensor, out: Tensor) -> None:
    """out = words[index] + shifts.

    words [M] int32, index [F, groups, T] int64, shifts [F, groups, 1] int32, out [F, groups, T].
    """
    torch.add(words[index], shifts, out=out)
