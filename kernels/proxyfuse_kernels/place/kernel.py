"""`place` on a GPU: a scatter of a few words."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build

BLOCK = 128


@triton.jit(do_not_specialize=["tokens", "index", "out", "count"])  # a few words, anywhere
def _place(tokens, index, out, count, BLOCK: tl.constexpr):
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    place = tl.load(index + tl.program_id(0) * count + at, mask=inside, other=0)
    tl.store(out + place, tl.load(tokens + at, mask=inside), mask=inside)


def place(tokens: Tensor, index: Tensor, out: Tensor) -> None:
    """As `Ops.place`: tokens [N], index [targets, N] and out [M], all int32 and contiguous."""
    targets, count = index.shape
    if targets and count:
        _place[targets, triton.cdiv(count, BLOCK)](tokens, index, out, count, BLOCK=BLOCK)


def builds() -> list[Build]:
    """One: it knows no sizes."""
    words = dict.fromkeys(("tokens", "index", "out"), "*i32")
    return [Build("int32", _place, words | {"count": "i32"}, {"BLOCK": BLOCK})]
