"""`linear_fp8` by torch's own products, for many rows: weights are widened a stripe at a time.

Widening writes and reads four bytes for each that was read, once for all rows; a product of many
rows takes longer than that. The order of sums is the library's.
"""

from __future__ import annotations

from torch import Tensor

from proxyfuse_kernels.linear.library import widened
from proxyfuse_kernels.quantised import Quantised

STRIPE = 32 << 20  # weights that are wide at one time


def linear_fp8(
    x: Tensor, weight: Quantised, bias: Tensor | None, out: Tensor, *, add: bool = False
) -> None:
    """As the reference, but for what a row's bits depend on."""
    outputs, inputs = weight.shape
    step = max(1, STRIPE // max(1, inputs))
    for begin in range(0, outputs, step):
        part = slice(begin, begin + step)
        product = widened(x, weight.values[part].to(x.dtype))  # e4m3 is exact in any type of x
        product *= weight.scales[part]
        if bias is not None:
            product += bias[part]
        place = out[:, part]
        if add:
            place += product
        else:
            place.copy_(product)
