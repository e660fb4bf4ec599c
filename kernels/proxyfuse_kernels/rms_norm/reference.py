"""The meaning of `rms_norm` (Zhang and Sennrich 2019, equation 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse_kernels.grouped import per_row


def rms_norm(x: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
    """out = x / sqrt(mean(x^2) + eps) * weight.  x [T, D], out [T, D] float.

    weight [D], or [groups, D].
    """
    weights = per_row(weight, len(x))
    for row, own, result in zip(x, weights, out, strict=True):  # one at a time: no row can touch
        result.copy_(normed(row.clone(), own, eps))  # another's bits


def normed(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x [..., D] over the root mean square of its last axis, times weight [D]: float32."""
    x = x.float()
    mean_square = (x * x).mean(dim=-1, keepdim=True)
    return x * torch.rsqrt(mean_square + eps) * weight.float()
