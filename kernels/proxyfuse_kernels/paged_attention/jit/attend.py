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
def _split(
    q, position, table, heads_at, page_stride, value_stride, slot_stride, begin, start, last, stop,
    scale,
    SIZE: tl.constexpr, SIZE_PADDED: tl.constexpr, KEYS: tl.constexpr, SLOTS: tl.constexpr,
    WINDOW: tl.constexpr, SOFTCAP: tl.constexpr,
):  # fmt: skip
    """The softmax sum of each row over keys [start, stop), in blocks that end by `last`."""
    column = tl.arange(0, SIZE_PADDED)
    inside = column < SIZE
    high = tl.full([q.shape[0]], float("-inf"), tl.float32)
    weight = tl.zeros([q.shape[0]], tl.float32)
    mixed = tl.zeros([q.shape[0], SIZE_PADDED], tl.float32)
    for block in range(start, stop, KEYS):
        key = block + tl.arange(0, KEYS)
        wanted = key <= last
        if WINDOW:
            wanted = wanted & (key >= begin)
        page = tl.load(table + key // SLOTS, mask=wanted, other=0).to(tl.int64)
        at = heads_at + page * page_stride + (key % SLOTS) * slot_stride
        keys = tl.load(
            at[None, :] + column[:, None], mask=inside[:, None] & wanted[None, :], other=0.0
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
            mask=wanted[:, None] & inside[None, :],
            other=0.0,
        )
        mixed = mixed * keep[:, None]
        mixed = tl.dot(weights.to(values.dtype), values, mixed, input_precision="ieee")
        high = highest
    return high, weight, mixed


@triton.jit
def _broken(rows, mine):
    """1 where an element of one's own rows is NaN, else 0."""
    return tl.max(tl.max((mine[:, None] & (rows != rows)).to(tl.int32), axis=1), axis=0)


# What differs from step to step: numbers, and a row's own words, whose addresses gain nothing.
@triton.jit(do_not_specialize=["positions", "lanes", "rows", "ways"])
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

    table = page_table + lane.to(tl.int64) * table_stride
    heads_at = cache + key_head * SIZE
    first_split = 0
    if WINDOW:
        first_split = tl.maximum(first + 1 - WINDOW, 0) // SPLIT
    turn, turns = -1, 0  # all rows at once; then each alone, where one of them came out as NaN
    while turn < turns:
        asked = mine & ((turn < 0) | (item // GROUP_PADDED == turn))
        last = tl.max(tl.where(asked, position, 0), axis=0)
        begin = 0
        if WINDOW:
            begin = tl.maximum(tl.min(tl.where(asked, position, last), axis=0) + 1 - WINDOW, 0)
        broken = 0
        high_all = tl.full([ROWS * GROUP_PADDED], float("-inf"), tl.float32)
        weight_all = tl.zeros([ROWS * GROUP_PADDED], tl.float32)
        mixed_all = tl.zeros([ROWS * GROUP_PADDED, SIZE_PADDED], tl.float32)
        for split in range(first_split + tl.program_id(2), last // SPLIT + 1, ways):
            start = tl.maximum(split * SPLIT, begin // KEYS * KEYS)
            stop = tl.minimum(split * SPLIT + SPLIT, last + 1)
            high, weight, mixed = _split(
                q, position, table, heads_at, page_stride, value_stride, slot_stride,
                begin, start, last, stop, scale,
                SIZE, SIZE_PADDED, KEYS, SLOTS, WINDOW, SOFTCAP,
            )  # fmt: skip
            if ALONE:
                high_all, weight_all, mixed_all = _fold(
                    high_all, weight_all, mixed_all, high, weight, mixed
                )
            else:
                place = (item // GROUP_PADDED * HEADS + head) * splits + split
                place_base = first_row.to(tl.int64) * HEADS * splits
                tl.store(sums + place_base * 2 + place * 2, high, mask=asked)
                tl.store(sums + place_base * 2 + place * 2 + 1, weight, mask=asked)
                part_at = place[:, None] * SIZE + column[None, :]
                part_base = parts + place_base * SIZE
                tl.store(part_base + part_at, mixed, mask=asked[:, None] & inside[None, :])
                if ROWS > 1:
                    broken = broken | _broken(mixed, asked)
        if ALONE:
            result = mixed_all / weight_all[:, None]
            out_at = (item // GROUP_PADDED * out_stride + head * SIZE)[:, None] + column[None, :]
            out_base = out + first_row.to(tl.int64) * out_stride
            rounded = result.to(out.dtype.element_ty)
            tl.store(out_base + out_at, rounded, mask=asked[:, None] & inside[None, :])
            if ROWS > 1:
                broken = _broken(result, asked)
        if ROWS > 1:
            turns = tl.where((turn < 0) & (broken > 0) & (last > first), ROWS, turns)
        turn += 1


@triton.jit(do_not_specialize=["positions"])
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
