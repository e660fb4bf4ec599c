"""Tiles of ids by rows: three products on tensor cores, and each row's best id of the tile."""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample.jit.part import allow, draw, shape, sum_exp, temper
from proxyfuse_kernels.proxy_sample.jit.settle import filtered, total_of

TILE = 128  # ids of a program
ROWS = 16  # rows of a program: the narrowest product that tensor cores take
STEP = 64  # inputs that are multiplied at a time

FLOATS = tl.constexpr(4)  # scratch.floats [S, FLOATS, TILES]: what a tile leaves of a row
LARGEST = tl.constexpr(0)  # of fused
SUM = tl.constexpr(1)  # of exp(fused - LARGEST), NaN where that is not finite
SCORE = tl.constexpr(2)  # of the best id; -inf where there is none
FUSED = tl.constexpr(3)  # fused at the best id


class Side(NamedTuple):
    """One role's head [at least vocab, width] and hidden rows; all None where it is absent."""

    head: Any
    hidden: Any
    width: Any
    stride: Any


class HeadScratch(NamedTuple):
    """Memory that outlives a launch. `arrived` begins as zeros, and every launch leaves it so."""

    floats: Any  # [S, FLOATS, TILES] float32
    ids: Any  # [S, TILES] int32; the best, or -1 where shaping made a NaN
    arrived: Any  # [ceil(S / ROWS)] int32


@triton.jit
def product(side, ids, vocab, s, count, TILE: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr):
    """One role's logits, [TILE, ROWS] float32; 0 past the vocabulary and the rows."""
    total = tl.zeros([TILE, ROWS], tl.float32)
    at = tl.arange(0, STEP)
    head = side.head + ids.to(tl.int64)[:, None] * side.width + at[None, :]
    hidden = side.hidden + s[None, :] * side.stride + at[:, None]
    for k in range(0, side.width, STEP):
        inside = k + at < side.width
        w = tl.load(head + k, mask=(ids < vocab)[:, None] & inside[None, :], other=0.0)
        h = tl.load(hidden + k, mask=(s < count)[None, :] & inside[:, None], other=0.0)
        total = tl.dot(w, h, total, input_precision="ieee")
    return total


@triton.jit
def fused_tile(
    base, expert, antiexpert, rows, ids, vocab, s, count, fused_rows, TILE: tl.constexpr,
    ROWS: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    """base + alpha * (expert - antiexpert); proxies without weight in any row are not read."""
    fused = product(base, ids, vocab, s, count, TILE, ROWS, STEP)
    if expert.head is not None:
        alpha = tl.load(rows.alpha + s, mask=s < tl.minimum(fused_rows, count), other=0.0)
        if tl.max((alpha != 0).to(tl.int32)) > 0:
            difference = product(expert, ids, vocab, s, fused_rows, TILE, ROWS, STEP)
            difference -= product(antiexpert, ids, vocab, s, fused_rows, TILE, ROWS, STEP)
            steered = tl.broadcast_to((alpha != 0)[None, :], [TILE, ROWS])
            fused = tl.where(steered, fused + difference * alpha[None, :], fused)
    return fused


@triton.jit
def best_of(x, rows, s, begin, vocab, TILE: tl.constexpr):
    """The best id of a fused tile and its score: the given token, or the tile's draw."""
    ids = begin + tl.arange(0, TILE)
    score, id, given = tl.full([], -float("inf"), tl.float32), begin, False
    if rows.given is not None:
        given = tl.load(rows.is_given + s)
        if given:
            token = tl.load(rows.given + s)
            if (token >= begin) & (token < tl.minimum(begin + TILE, vocab)):
                score, id = 0 - score, token
    if (given == 0) & (filtered(rows, s, vocab) == 0):
        shaped, broken = shape(x, rows, s, begin, vocab, TILE)
        temperature = tl.load(rows.temperature + s)
        scaled = temper(allow(shaped, rows, s, ids, vocab), temperature, TILE)
        if temperature > 0:
            score, id, _ = draw(scaled, rows, s, begin, TILE)
        else:
            score, at = tl.max(scaled, axis=0, return_indices=True)
            id = begin + at
        id = tl.where(broken > 0, -1, id)
    return score, id


@triton.jit
def settle(rows, draws, scratch, s, tiles, vocab, TILES: tl.constexpr):
    """Write row s of the draws from what its tiles left."""
    index = tl.arange(0, TILES)
    here, lowest = index < tiles, -float("inf")
    floats = scratch.floats + s * (FLOATS * TILES) + index
    largest = tl.load(floats + LARGEST * TILES, mask=here, other=lowest, cache_modifier=".cg")
    sums = tl.load(floats + SUM * TILES, mask=here, other=0.0, cache_modifier=".cg")
    scores = tl.load(floats + SCORE * TILES, mask=here, other=lowest, cache_modifier=".cg")
    fused = tl.load(floats + FUSED * TILES, mask=here, other=lowest, cache_modifier=".cg")
    ids = tl.load(scratch.ids + s * TILES + index, mask=here, other=0, cache_modifier=".cg")
    most, total = total_of(largest, sums)
    token, value, fine = 0, lowest, total == total
    if fine:
        score, best = tl.max(scores, axis=0, return_indices=True)
        fine = (tl.min(ids) >= 0) & (score > lowest)
        token = tl.max(tl.where(index == best, ids, 0))
        value = tl.max(tl.where(index == best, fused, lowest))
    nan = float("nan")
    tl.store(draws.tokens + s, tl.where(fine, token, 0))
    tl.store(draws.logprobs + s, tl.where(fine, (value - most) - total, nan))
    tl.store(draws.logsumexp + s, tl.where(fine, most + total, nan))
    tl.store(draws.finite + s, fine)


@triton.jit(do_not_specialize=["fused_rows", "count"])
def head_tile(
    base, expert, antiexpert, rows, draws, scratch, count, fused_rows, vocab, TILE: tl.constexpr,
    TILES: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    """Grid (tiles, groups of ROWS rows). The first fused_rows rows have all three roles."""
    tile, tiles, group = tl.program_id(0), tl.num_programs(0), tl.program_id(1)
    begin, first = tile * TILE, group.to(tl.int64) * ROWS
    ids, s = begin + tl.arange(0, TILE), first + tl.arange(0, ROWS)
    fused = fused_tile(
        base, expert, antiexpert, rows, ids, vocab, s, count, fused_rows, TILE, ROWS, STEP
    )
    last = tl.minimum(first + ROWS, count)
    for row in range(first, last):
        x = tl.sum(tl.where((s == row)[None, :], fused, 0.0), axis=1)
        x = tl.where(ids < vocab, x, -float("inf"))
        largest = tl.max(x)
        total = sum_exp(x, ids, vocab, largest)
        floats = scratch.floats + row * (FLOATS * TILES) + tile
        tl.store(floats + LARGEST * TILES, largest)
        tl.store(floats + SUM * TILES, total)
        if total == total:
            score, id = best_of(x, rows, row, begin, vocab, TILE)
            tl.store(floats + SCORE * TILES, score)
            tl.store(floats + FUSED * TILES, tl.max(tl.where(ids == id, x, -float("inf"))))
            tl.store(scratch.ids + row * TILES + tile, id)
    tl.debug_barrier()  # all of this program's stores come before its arrival
    if tl.atomic_add(scratch.arrived + group, 1, sem="acq_rel") == tiles - 1:
        tl.store(scratch.arrived + group, 0)  # for the next launch
        for row in range(first, last):
            settle(rows, draws, scratch, row, tiles, vocab, TILES)
