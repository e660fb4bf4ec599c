"""A row's ids in order, from the best of each part: the k-th largest, the likeliest few.

Order is by value, larger first, then by id, lower first. A row is [parts * PART] float32 in scratch
with -inf past the vocabulary; `values` and `ids` [PARTS] hold, for every part, the first of its
ids that have not been taken yet.
"""

import triton
import triton.language as tl

FEW = tl.constexpr(64)  # up to which the k-th largest is found one after the other


@triton.jit
def first_of(values, ids):
    """The first in order; values hold one above -inf."""
    value = tl.max(values)
    return value, tl.min(tl.where(values == value, ids, 0x7FFFFFFF))


@triton.jit
def take(row, values, ids, PART: tl.constexpr, PARTS: tl.constexpr):
    """The first of all, and `values` and `ids` without it."""
    value, id = first_of(values, ids)
    part = id // PART
    places = part * PART + tl.arange(0, PART)
    x = tl.load(row + places, cache_modifier=".cg")
    left = (x < value) | ((x == value) & (places > id))
    next_value, at = tl.max(tl.where(left, x, -float("inf")), axis=0, return_indices=True)
    mine = tl.arange(0, PARTS) == part
    values = tl.where(mine, next_value, values)
    return value, id, values, tl.where(mine, part * PART + at, ids)


@triton.jit
def how_many(row, value, parts, OR_EQUAL: tl.constexpr, PART: tl.constexpr):
    """How many of a row are above a value; OR_EQUAL counts those at it too."""
    found = tl.zeros([PART], tl.int32)
    for p in range(parts):
        x = tl.load(row + p * PART + tl.arange(0, PART), cache_modifier=".cg")
        found += (x >= value if OR_EQUAL else x > value).to(tl.int32)
    return tl.sum(found)


@triton.jit
def key_of(x):
    """An integer that orders as float32 does."""
    bits = x.to(tl.int32, bitcast=True)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.int64)


@triton.jit
def of_key(key):
    """The float32 of an integer from key_of."""
    bits = key.to(tl.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)


@triton.jit
def bisected(row, values, k, parts, PART: tl.constexpr, PARTS: tl.constexpr):
    """A value that as many are above or equal to as to the k-th largest, by halving."""
    low, high = key_of(tl.full([], -float("inf"), tl.float32)), key_of(tl.max(values)) + 1
    if k <= parts:  # k parts have a largest value of at least that
        at = tl.arange(0, PARTS) == k - 1
        sorted_values = tl.sort(values, descending=True)
        low = key_of(tl.max(tl.where(at, sorted_values, -float("inf"))))
    while high - low > 1:
        middle = low + (high - low) // 2
        count = how_many(row, of_key(middle), parts, True, PART)
        low = tl.where(count >= k, middle, low)
        high = tl.where(count == k, low + 1, tl.where(count < k, middle, high))
    return of_key(low)


@triton.jit
def border(row, values, ids, k, parts, PART: tl.constexpr, PARTS: tl.constexpr):
    """A value such that what is not below it is the row's k largest and ties with the k-th."""
    if k > FEW:
        value = bisected(row, values, k, parts, PART, PARTS)
    else:
        value = tl.max(values)
        for _ in range(k):
            value, _, values, ids = take(row, values, ids, PART, PARTS)
    return value
