"""top-k, top-p, min-p without sorting: draw from everything, ask whether the draw is kept, redraw.

What is kept is a head of the row's order (value, then id) less what min_p drops. A draw outside the
head rules out itself and all after it, so the next one comes from fewer ids: about 1 + ln(1 / share
of the head) rounds, mostly one. The best score among the kept ids is the reference's draw.
"""

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample import filters
from proxyfuse_kernels.proxy_sample.arguments import (
    FLOATS,
    ID,
    INTS,
    MOST,
    MOST_ID,
    SCORE,
    VALUE,
)
from proxyfuse_kernels.proxy_sample.jit.noise import exp
from proxyfuse_kernels.proxy_sample.jit.order import border, how_many
from proxyfuse_kernels.proxy_sample.jit.part import draw

MASS = tl.constexpr(filters.MASS)
WEIGHTLESS = tl.constexpr(28.0)  # so far below the largest a mass is 0


@triton.jit
def masses(row, most, largest, floor, value, id, parts, PART: tl.constexpr):
    """The mass of all not below floor, and of those of them that come before (value, id)."""
    total, before = tl.zeros([PART], tl.int64), tl.zeros([PART], tl.int64)
    for p in range(parts):
        here = tl.load(most + p, cache_modifier=".cg")
        if (here >= floor) & (largest - here < WEIGHTLESS):
            ids = p * PART + tl.arange(0, PART)
            x = tl.load(row + ids, cache_modifier=".cg")
            mass = tl.where(x >= floor, (exp(x - largest) * MASS).to(tl.int64), 0)
            total += mass
            before += tl.where((x > value) | ((x == value) & (ids < id)), mass, 0)
    return tl.sum(total), tl.sum(before)


@triton.jit
def in_nucleus(total, before, top_p):
    """Whether ids that weigh `before` come before less than top_p of the total."""
    exact = top_p.to(tl.float64) * total.to(tl.float64)
    reach = exact.to(tl.int64)
    reach += (reach.to(tl.float64) < exact).to(tl.int64)
    return before < tl.maximum(reach, 1)


@triton.jit
def redraw(
    row, rows, s, values, ids, scores, bad, largest, floor, value, id, min_p,
    PART: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Draw again in the bad parts, from what comes before (value, id) and may be kept."""
    index = tl.arange(0, PARTS)
    part = tl.min(tl.where(bad, index, PARTS))
    while part < PARTS:
        places = part * PART + tl.arange(0, PART)
        x = tl.load(row + places, cache_modifier=".cg")
        keep = (x >= floor) & ((x > value) | ((x == value) & (places < id)))
        keep &= exp(x - largest) >= min_p
        score, at, best = draw(tl.where(keep, x, -float("inf")), rows, s, part * PART, PART)
        mine = index == part
        scores, ids = tl.where(mine, score, scores), tl.where(mine, at, ids)
        values = tl.where(mine, best, values)
        bad &= index > part
        part = tl.min(tl.where(bad, index, PARTS))
    return values, ids, scores


@triton.jit
def draw_kept(rows, scratch, s, parts, vocab, PART: tl.constexpr, PARTS: tl.constexpr):
    """The kept id with the best score, and that score: -inf where nothing is kept."""
    index = tl.arange(0, PARTS)
    here = index < parts
    floats = scratch.floats + s * (FLOATS * PARTS)
    ints = scratch.ints + s * (INTS * PARTS) + index
    row = scratch.scaled + s * (parts * PART)
    nothing = -float("inf")
    scores = tl.load(floats + SCORE * PARTS + index, mask=here, other=nothing, cache_modifier=".cg")
    values = tl.load(floats + VALUE * PARTS + index, mask=here, other=nothing, cache_modifier=".cg")
    most = tl.load(floats + MOST * PARTS + index, mask=here, other=nothing, cache_modifier=".cg")
    ids = tl.load(ints + ID * PARTS, mask=here, other=0, cache_modifier=".cg")
    top_p, min_p = tl.load(rows.top_p + s), tl.load(rows.min_p + s)
    k = tl.load(rows.top_k + s)
    k = tl.where((k > 0) & (k < vocab), k, 0)
    largest = tl.max(most)
    floor = tl.full([], nothing, tl.float32)
    if (k > 0) & (top_p < 1):
        most_ids = tl.load(ints + MOST_ID * PARTS, mask=here, other=0, cache_modifier=".cg")
        floor = border(row, most, most_ids, k, parts, PART, PARTS)

    # Whatever is drawn from now on comes before this in order.
    last, last_id = tl.full([], nothing, tl.float32), tl.full([], 0, tl.int32)
    score, best = tl.max(scores, axis=0, return_indices=True)
    looking = score > nothing
    while looking:
        mine = index == best
        id, value = tl.max(tl.where(mine, ids, 0)), tl.max(tl.where(mine, values, nothing))
        in_head, light = value >= floor, exp(value - largest) < min_p
        stop = 0  # of the ids with this very value, those below `stop` may still be kept
        if in_head & (k > 0) & (top_p >= 1):
            in_head = how_many(row, value, parts, False, PART) < k
        if in_head & (top_p < 1):
            maxima = floats + MOST * PARTS
            total, before = masses(row, maxima, largest, floor, value, id, parts, PART)
            in_head = in_nucleus(total, before, top_p)
            stop = id
        looking = light | (in_head == 0)
        if looking:
            last, last_id = tl.where(in_head, last, value), tl.where(in_head, last_id, stop)
            bad = (values < last) | ((values == last) & (ids >= last_id))
            bad = (bad | (exp(values - largest) < min_p)) & (scores > nothing)
            values, ids, scores = redraw(
                row, rows, s, values, ids, scores, bad, largest, floor, last, last_id, min_p,
                PART, PARTS,
            )  # fmt: skip
            score, best = tl.max(scores, axis=0, return_indices=True)
            looking = score > nothing
    return score, tl.max(tl.where(index == best, ids, 0))
