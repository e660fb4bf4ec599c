"""The meaning of `linear` over weights of 8 bits."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse_kernels.linear.reference import linear
from proxyfuse_kernels.quantised import Quantised


def linear_fp8(
    x: Tensor, weight: Quantised, bias: Tensor | None, out: Tensor, *, add: bool = False
) -> None:
    """out = scales * (x @ values.T) + bias, or out += that where `add`.

    x [T, K], weight [N, K], bias [N], out [T, N]: the type of x or float32.
    """
    product = torch.empty(len(x), len(weight), dtype=torch.float32, device=x.device)
    linear(x, weight.values.float(), None, product)
    product *= weight.scales
    if bias is not None:
        product += bias.float()
    out.copy_(out + product if add else product)
