"""`linear_fp8` on a GPU: `linear`'s own kernel, which reads half the bytes.

Sums are those of `linear`: a row's bits do not depend on how many rows there are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.grouped import groups_of
from proxyfuse_kernels.linear.kernel import FEW, WIDE, Tile, build, launch
from proxyfuse_kernels.quantised import Quantised


def linear_fp8(
    x: Tensor, weight: Quantised, bias: Tensor | None, out: Tensor, *, add: bool = False
) -> None:
    """As the reference, one path for any number of rows."""
    rows = len(x) // groups_of(weight, 2)
    tile = choose(rows, weight.shape[-2], x.dtype)
    launch(tile, x, weight.values.view(torch.uint8), weight.scales, bias, out, add)


def choose(rows: int, outputs: int, dtype: torch.dtype) -> Tile:
    """As for `linear`; a line of 128 bytes holds twice the weights."""
    if dtype == torch.float32:
        return Tile(FEW, 32, 32, 4, 3)
    if rows > FEW:
        return Tile(64, 64, 64, 2, 4)
    if outputs >= 16384:
        return Tile(FEW, WIDE, 128, 4, 5)
    return Tile(FEW, 32, 256, 4, 4)


def builds() -> list[Build]:
    """Products of a model of 70 billion; grouped, of two models of 7."""
    products = [
        ("qkv", 10240, 1, False, True),
        ("qkv, biased", 10240, 1, True, True),
        ("output, added", 8192, 1, False, True),
        ("gate and up", 57344, 1, False, True),
        ("ragged inputs", 8192, 1, False, False),
        ("many rows", 8192, 512, False, True),
        ("grouped, qkv", 12288, 1, False, True),
        ("grouped, output, added", 4096, 1, False, True),
        ("grouped, gate and up", 22016, 1, False, True),
    ]
    return [
        build(name, choose(rows, outputs, torch.bfloat16), biased, whole, scaled=True)
        for name, outputs, rows, biased, whole in products
    ]
