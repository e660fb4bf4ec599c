"""The meaning of `linear_fp8`, and how weights are brought to 8 bits."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse_kernels.linear.reference import linear

MOST = 448.0  # the largest finite number of e4m3
STEP, LEAST = 2.0**-4, 2.0**-10  # half a unit: of a normal number relative, of a subnormal absolute


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight [N, K] as e4m3 [N, K] and scales [N] float32: weight ~ scales[:, None] * e4m3.

    Each weight is off by at most max(STEP * |w|, LEAST * scale), but for float32's own rounding.
    Raises ValueError where a weight is not finite.
    """
    wide = weight.float()
    largest = wide.abs().amax(dim=1)
    if not largest.isfinite().all():
        raise ValueError("weight: got numbers that are not finite, want none")
    scales = torch.where(largest > 0, largest / MOST, 1.0)
    scaled = (wide / scales[:, None]).clamp(-MOST, MOST)
    return scaled.to(torch.float8_e4m3fn), scales


def linear_fp8(
    x: Tensor,
    weight: Tensor,
    scales: Tensor,
    bias: Tensor | None,
    out: Tensor,
    *,
    add: bool = False,
) -> None:
    """out = scales * (x @ weight.T) + bias, or out += that where `add`.

    x [T, K], weight [N, K] e4m3, scales [N] float32, bias [N], out [T, N]: that type or float32.
    """
    product = torch.empty(len(x), len(weight), dtype=torch.float32, device=x.device)
    linear(x, weight.to(x.dtype), None, product)  # every number of e4m3 is one of 16 bits, exactly
    product *= scales
    if bias is not None:
        product += bias.float()
    out.copy_(out + product if add else product)
