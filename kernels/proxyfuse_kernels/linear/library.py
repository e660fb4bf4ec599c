"""`linear` by torch's own products: the fastest for many rows, and not the same bits for each.

A library chooses its tiles, and with them the order of sums, by the number of rows.
"""

from __future__ import annotations

import torch
from torch import Tensor


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, *, add: bool = False
) -> None:
    """As `Ops.linear`, but for what a row's bits depend on."""
    if x.device.type == "cpu":  # oneDNN's tiles (AMX) read on behind a strided row: NaN times 0
        x = x.contiguous()
    if add or out.dtype != x.dtype:
        (_in_place if x.device.type == "cuda" else _apart)(x, weight, bias, out, add)
    elif bias is None:
        torch.mm(x, weight.T, out=out)
    else:
        torch.addmm(bias, x, weight.T, out=out)


def _in_place(x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
    """By the product's own epilogue, with no memory between; a bias, which is rare, comes after."""
    wide = {} if x.dtype == torch.float32 else {"out_dtype": torch.float32}
    if add:
        torch.addmm(out, x, weight.T, out=out, **wide)  # type: ignore[call-overload]
    else:
        torch.mm(x, weight.T, out=out, **wide)
    if bias is not None:
        out += bias


def _apart(x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, add: bool) -> None:
    product = widened(x, weight)
    if bias is not None:
        product += bias
    if add:
        out += product
    else:
        out.copy_(product)


def widened(x: Tensor, weight: Tensor) -> Tensor:  # [T, N] float32
    """x @ weight.T without rounding to the type of x."""
    if x.dtype == torch.float32:
        return torch.mm(x, weight.T)
    if x.device.type == "cuda":
        return torch.mm(x, weight.T, out_dtype=torch.float32)
    return torch.mm(x.float(), weight.T.float())
