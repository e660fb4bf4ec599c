"""The kernels of `paged_attention`: a split's own sum, and how two are folded into one."""

from __future__ import annotations

import triton
import triton.language as tl

from proxyfuse_kernels.paged_attention.jit.softcap import capped


@triton.jit
def _fold(high, weight, mixed, high_more, weight_more, mixed_more):
    """Two softmax sums over different keys as one; with nothing more, the first to the bit."""
    highest = tl.maximum(high, high_more)
    finite = tl.where(highest == float("-inf"), 0.0, highest)
    keep, take = tl.exp(high - finite), tl.exp(high_more - finite)
    weight = tl.fma(weight, keep, weight_more * take)
    mixed = tl.fma(mixed, tl.broadcast_to(keep[:, None], mixed.shape), mixed_more * take[:, None])
    return highest, weight, mixed


@triton.jit
def attend(
    qkv,
    positions,
    lanes,
    page_table,
    cache,
    out,
    sums,  # [T, H, splits, 2] float32: the highest score, and the sum of weights over it
    parts,  # [T, H, splits, C] float32: values by those weights
    rows,
    qkv_stride,
    out_stride,
    table_stride,
    page_stride,
    value_stride,
    slot_stride,
    splits,
    ways,
    scale,
    HEADS: tl.constexpr,
    GROUP: tl.constexpr,
    GROUP_PADDED: tl.constexpr,
    ROWS: tl.constexpr,
    SIZE: tl.constexpr,
    SIZE_PADDED: tl.constexpr,
    KEYS: tl.constexpr,
    SPLIT: tl.constexpr,
    SLOTS: tl.constexpr,
    WINDOW: tl.constexpr,  # 0: none
    SOFTCAP: tl.constexpr,  # 0.0: none
    ALONE: tl.constexpr,  # one program folds all splits; else each leaves its own
):
    first_row, key_head = tl.program_id(0), tl.program_id(1)
    lane, first = tl.load(lanes + first_row), tl.load(positions + first_row)
    lane_before = tl.load(lanes + first_row - 1, mask=first_row > 0, other=-1)
    before = tl.load(positions + first_row - 1, mask=first_row > 0, other=0)
    if (lane_before == lane) & (before // ROWS == first // ROWS):
        return  # the program of a row before this one has it

    item = tl.arange(0, ROWS * GROUP_PADDED)
    row = first_row + item // GROUP_PADDED
    head = key_head * GROUP + item % GROUP_PADDED
    there = row < rows
    position = tl.load(positions + row, mask=there, other=0)
    mine = there & (item % GROUP_PADDED < GROUP) & (position // ROWS == first // ROWS)
    mine = mine & (tl.load(lanes + row, mask=there, other=-1) == lane)
    column = tl.arange(0, SIZE_PADDED)
    inside = column < SIZE
    # offsets within a few rows fit 32 bits; where the rows begin may not
    q_at = (item // GROUP_PADDED * qkv_stride + head * SIZE)[:, None] + column[None, :]
    q_base = qkv + first_row.to(tl.int64) * qkv_stride
    q = tl.load(q_base + q_at, mask=mine[:, None] & inside[None, :], other=0.0)

    last = tl.max(tl.where(mine, position, 0), axis=0)
    begin = 0
    if WINDOW:
        begin = tl.maximum(first + 1 - WINDOW, 0)
    table = page_table + lane.to(tl.int64) * table_stride
    high_all = tl.full([ROWS * GROUP_PADDED], float("-inf"), tl.float32)
    weight_all = tl.zeros([ROWS * GROUP_PADDED], tl.float32)
    mixed_all = tl.zeros([ROWS * GROUP_PADDED, SIZE_PADDED], tl.float32)
    for split in range(begin // SPLIT + tl.program_id(2), last // SPLIT + 1, ways):
        high = tl.full([ROWS * GROUP_PADDED], float("-inf"), tl.float32)
        weight = tl.zeros([ROWS * GROUP_PADDED], tl.float32)
        mixed = tl.zeros([ROWS * GROUP_PADDED, SIZE_PADDED], tl.float32)
        start = tl.maximum(split * SPLIT, begin // KEYS * KEYS)
        for block in range(start, tl.minimum(split * SPLIT + SPLIT, last + 1), KEYS):
            key = block + tl.arange(0, KEYS)
            written = key <= last
            page = tl.load(table + key // SLOTS, mask=written, other=0).to(tl.int64)
            at = cache + page * page_stride + (key % SLOTS) * slot_stride + key_head * SIZE
            keys = tl.load(
                at[None, :] + column[:, None], mask=inside[:, None] & written[None, :], other=0.0
            )
            scores = tl.dot(q, keys, input_precision="ieee") * scale
            if SOFTCAP > 0.0:
                scores = capped(scores, SOFTCAP)
            back = position[:, None] - key[None, :]
            seen = back >= 0
            if WINDOW:
                seen = seen & (back < WINDOW)
            scores = tl.where(seen, scores, float("-inf"))
            highest = tl.maximum(high, tl.max(scores, axis=1))
            finite = tl.where(highest == float("-inf"), 0.0, highest)
            keep, weights = tl.exp(high - finite), tl.exp(scores - finite[:, None])
            weight = tl.fma(weight, keep, tl.sum(weights, axis=1))
            values = tl.load(
                at[:, None] + value_stride + column[None, :],
                mask=written[:, None] & inside[None, :],
                other=0.0,
            )
            mixed = mixed * keep[:, None]
            mixed = tl.dot(weights.to(values.dtype), values, mixed, input_precision="ieee")
            high = highest
        if ALONE:
            high_all, weight_all, mixed_all = _fold(
                high_all, weight_all, mixed_all, high, weight, mixed
            )
        else:
            place = (item // GROUP_PADDED * HEADS + head) * splits + split
            place_base = first_row.to(tl.int64) * HEADS * splits
            tl.store(sums + place_base * 2 + place * 2, high, mask=mine)
            tl.store(sums + place_base * 2 + place * 2 + 1, weight, mask=mine)
            part_at = place[:, None] * SIZE + column[None, :]
            part_base = parts + place_base * SIZE
            tl.store(part_base + part_at, mixed, mask=mine[:, None] & inside[None, :])
    if ALONE:
        result = (mixed_all / weight_all[:, None]).to(out.dtype.element_ty)
        out_at = (item // GROUP_PADDED * out_stride + head * SIZE)[:, None] + column[None, :]
        out_base = out + first_row.to(tl.int64) * out_stride
        tl.store(out_base + out_at, result, mask=mine[:, None] & inside[None, :])


@triton.jit
def combine(
    positions,
    out,
    sums,
    parts,
    out_stride,
    splits,
    HEADS: tl.constexpr,
    SIZE: tl.constexpr,
    SIZE_PADDED: tl.constexpr,
    SPLIT: tl.constexpr,
    WINDOW: tl.constexpr,
):
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    position = tl.load(positions + row)
    begin = 0
    if WINDOW:
        begin = tl.maximum(position + 1 - WINDOW, 0)
    column = tl.arange(0, SIZE_PADDED)
    inside = (column < SIZE)[None, :]
    high = tl.full([1], float("-inf"), tl.float32)
    weight = tl.zeros([1], tl.float32)
    mixed = tl.zeros([1, SIZE_PADDED], tl.float32)
    one = tl.arange(0, 1)
    for split in range(begin // SPLIT, position // SPLIT + 1):
        place = (row * HEADS + head) * splits + split
        high_more, weight_more = (
            tl.load(sums + place * 2 + one),
            tl.load(sums + place * 2 + 1 + one),
        )
        part_at = parts + place * SIZE + column[None, :]
        mixed_more = tl.load(part_at, mask=inside, other=0.0)
        high, weight, mixed = _fold(high, weight, mixed, high_more, weight_more, mixed_more)
    result = (mixed / weight[:, None]).to(out.dtype.element_ty)
    tl.store(out + row * out_stride + head * SIZE + column[None, :], result, mask=inside)
