"""What needs the whole fused row again: a token's rank, and the likeliest ids."""

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample.arguments import FLOATS, INTS, LARGEST, LARGEST_ID
from proxyfuse_kernels.proxy_sample.jit.order import take


@triton.jit
def write_rank(draws, row, s, token, fine, maxima, parts, PART: tl.constexpr):
    """1 + how many ids have a larger fused logit; parts without any are passed over."""
    rank = tl.where(fine, 1, 0)
    if fine:
        fused = tl.load(row + token, cache_modifier=".cg")
        for p in range(parts):
            if tl.load(maxima + p, cache_modifier=".cg") > fused:
                x = tl.load(row + p * PART + tl.arange(0, PART), cache_modifier=".cg")
                rank += tl.sum((x > fused).to(tl.int32))
    tl.store(draws.ranks + s, rank)


@triton.jit
def write_top(
    draws, row, ids, s, top, fine, most, total, maxima, parts, PART: tl.constexpr,
    PARTS: tl.constexpr,
):  # fmt: skip
    """The likeliest ids and their log-probabilities, one after the other."""
    index = tl.arange(0, PARTS)
    ids = tl.load(ids + index, mask=index < parts, other=0, cache_modifier=".cg")
    lowest = -float("inf")
    values = tl.load(maxima + index, mask=index < parts, other=lowest, cache_modifier=".cg")
    for i in range(top):
        id, logprob = 0, float("nan")
        if fine:
            value, id, values, ids = take(row, values, ids, PART, PARTS)
            logprob = (value - most) - total
        tl.store(draws.top_ids + s * top + i, id)
        tl.store(draws.top_logprobs + s * top + i, logprob)


@triton.jit
def write_whole(
    draws, scratch, s, token, fine, most, total, top, parts, PART: tl.constexpr,
    PARTS: tl.constexpr,
):  # fmt: skip
    """The rank and the likeliest ids, where asked for."""
    row = scratch.fused + s * (parts * PART)
    maxima = scratch.floats + s * (FLOATS * PARTS) + LARGEST * PARTS
    ids = scratch.ints + s * (INTS * PARTS) + LARGEST_ID * PARTS
    if draws.ranks is not None:
        write_rank(draws, row, s, token, fine, maxima, parts, PART)
    if draws.top_ids is not None:
        write_top(draws, row, ids, s, top, fine, most, total, maxima, parts, PART, PARTS)
