"""`recall` and `remember` on a GPU: a program has one stretch of columns, and its tags alone.

No product is contracted with a sum, so what is remembered has the plain version's bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.hindsight import NEWS, SLOTS, STRETCH, TRUST, Hindsight


@triton.jit
def _spot(row, stretch, ids, rows, tags, SLOTS: tl.constexpr):
    """Of a row: its token, the slot of that, and where the stretch's tag of the slot is."""
    token = tl.load(ids + tl.load(rows + row))
    slot = token % SLOTS
    return token, slot, tags + (stretch * SLOTS + slot) * 2


@triton.jit(do_not_specialize=["ids", "rows", "text"])  # read a word at a time
def _recall(
    logits,
    ids,
    rows,
    text,
    values,
    tags,
    out,
    logits_stride,
    out_stride,
    width,
    trust,
    SLOTS: tl.constexpr,
    STRETCH: tl.constexpr,
):
    row, stretch = tl.program_id(0).to(tl.int64), tl.program_id(1)
    token, slot, tag = _spot(row, stretch, ids, rows, tags, SLOTS)
    at = stretch * STRETCH + tl.arange(0, STRETCH)
    inside = at < width
    known = (
        tl.where((tl.load(tag) == tl.load(text)) & (tl.load(tag + 1) == token), at, width) < width
    )
    kept = tl.load(values + slot.to(tl.int64) * width + at, mask=known, other=0.0)
    found = tl.load(logits + row * logits_stride + at, mask=inside)
    tl.store(out + row * out_stride + at, found + trust * kept, mask=inside)


@triton.jit(do_not_specialize=["alpha", "ids", "rows", "text", "count"])
def _remember(
    base,
    expert,
    anti,
    drawn,
    alpha,
    ids,
    rows,
    text,
    values,
    tags,
    base_stride,
    expert_stride,
    anti_stride,
    drawn_stride,
    width,
    count,
    news,
    SLOTS: tl.constexpr,
    STRETCH: tl.constexpr,
):
    stretch = tl.program_id(0)
    at = stretch * STRETCH + tl.arange(0, STRETCH)
    inside = at < width
    owner = tl.load(text)
    row = tl.zeros((), tl.int64)
    for _ in range(count):
        token, slot, tag = _spot(row, stretch, ids, rows, tags, SLOTS)
        known = tl.where((tl.load(tag) == owner) & (tl.load(tag + 1) == token), at, width) < width
        apart = tl.load(expert + row * expert_stride + at, mask=inside)
        apart -= tl.load(anti + row * anti_stride + at, mask=inside)
        found = tl.load(base + row * base_stride + at, mask=inside)
        found += tl.load(alpha + row) * apart
        found -= tl.load(drawn + row * drawn_stride + at, mask=inside)
        spot = values + slot.to(tl.int64) * width + at
        kept = tl.load(spot, mask=known, other=0.0)
        tl.store(spot, tl.where(known, kept + news * (found - kept), found), mask=inside)
        tl.debug_barrier()  # all have read the tag that is written now, and read the next after it
        tl.store(tag, owner)
        tl.store(tag + 1, token)
        tl.debug_barrier()
        row += 1


def recall(
    logits: Tensor, ids: Tensor, rows: Tensor, text: Tensor, hindsight: Hindsight, out: Tensor
) -> None:
    """As `Ops.recall`."""
    width = hindsight.values.shape[1]
    _recall[len(rows), triton.cdiv(width, STRETCH)](
        logits,
        ids,
        rows,
        text,
        hindsight.values,
        hindsight.tags,
        out,
        logits.stride(0),
        out.stride(0),
        width,
        TRUST,
        SLOTS=SLOTS,
        STRETCH=STRETCH,
        enable_fp_fusion=False,
    )


def remember(
    logits: Sequence[Tensor],
    alpha: Tensor,
    drawn: Tensor,
    ids: Tensor,
    rows: Tensor,
    text: Tensor,
    hindsight: Hindsight,
) -> None:
    """As `Ops.remember`."""
    width, four = hindsight.values.shape[1], (*logits, drawn)
    _remember[(triton.cdiv(width, STRETCH),)](
        *four,
        alpha,
        ids,
        rows,
        text,
        hindsight.values,
        hindsight.tags,
        *(x.stride(0) for x in four),
        width,
        len(rows),
        NEWS,
        SLOTS=SLOTS,
        STRETCH=STRETCH,
        enable_fp_fusion=False,
    )


def builds() -> list[Build]:
    """One of each: they know no sizes."""
    whose = dict.fromkeys(("ids", "rows", "text"), "*i32")
    whose |= {"values": "*fp32:16", "tags": "*i32:16"}
    four = ("base", "expert", "anti", "drawn")
    recalled = {"logits": "*fp32:16"} | whose | {"out": "*fp32:16", "trust": "fp32"}
    recalled |= dict.fromkeys(("logits_stride", "out_stride", "width"), "i32:16")
    kept = dict.fromkeys(four, "*fp32:16") | {"alpha": "*fp32"} | whose | {"count": "i32"}
    kept |= dict.fromkeys((*(f"{one}_stride" for one in four), "width"), "i32:16")
    sizes = {"SLOTS": SLOTS, "STRETCH": STRETCH}
    return [
        Build("float32", _recall, recalled, sizes, fp_fusion=False),
        Build("float32", _remember, kept | {"news": "fp32"}, sizes, fp_fusion=False),
    ]
