"""The meaning of `linear`."""

from __future__ import annotations

from torch import Tensor


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, *, add: bool = False
) -> None:
    """out = x @ weight.T + bias, or out += that where `add`.

    x [T, K] and weight [N, K] of one type, bias [N], out [T, N]: that type or float32.
    """
    matrix = weight.float()
    for row, result in zip(x, out, strict=True):  # one at a time, each from a fresh address: a
        product = matrix @ row.clone().float()  # product's bits move with shape and alignment
        if bias is not None:
            product += bias.float()
        result.copy_(result + product if add else product)
