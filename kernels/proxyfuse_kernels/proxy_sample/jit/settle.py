"""What a row's last program does: find the draw among the parts', and write the row's results."""

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample.arguments import (
    BROKEN,
    FLOATS,
    ID,
    INTS,
    LARGEST,
    ROLES,
    SCORE,
    SUM,
)
from proxyfuse_kernels.proxy_sample.jit.filter import draw_kept
from proxyfuse_kernels.proxy_sample.jit.noise import log
from proxyfuse_kernels.proxy_sample.jit.part import fuse, role_of


@triton.jit
def filtered(rows, s, vocab):
    """Whether row s draws from fewer ids than there are."""
    k = tl.load(rows.top_k + s)
    some = ((k > 0) & (k < vocab)) | (tl.load(rows.top_p + s) < 1) | (tl.load(rows.min_p + s) > 0)
    return some & (tl.load(rows.temperature + s) > 0)


@triton.jit
def total_of(largest, sums):
    """The largest of all parts, and the log of the sum of exp(x - largest): >= 0, or NaN."""
    most = tl.max(largest)
    total = tl.sum(sums * tl.exp(largest - most))
    return most, tl.where(total == total, log(total), total)


@triton.jit
def drawn(
    rows, scratch, s, parts, vocab, FILTERS: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr
):
    """The token drawn, or vocab where there is nothing to draw from."""
    index = tl.arange(0, PARTS)
    here = index < parts
    ints = scratch.ints + s * (INTS * PARTS) + index
    broken = tl.max(tl.load(ints + BROKEN * PARTS, mask=here, other=0, cache_modifier=".cg"))
    if broken > 0:
        score, id = tl.full([], -float("inf"), tl.float32), 0
    elif FILTERS and filtered(rows, s, vocab):
        score, id = draw_kept(rows, scratch, s, parts, vocab, PART, PARTS)
    else:
        scores = scratch.floats + s * (FLOATS * PARTS) + SCORE * PARTS + index
        ids = tl.load(ints + ID * PARTS, mask=here, other=0, cache_modifier=".cg")
        nothing = -float("inf")
        scores = tl.load(scores, mask=here, other=nothing, cache_modifier=".cg")
        score, best = tl.max(scores, axis=0, return_indices=True)
        id = tl.max(tl.where(index == best, ids, 0))
    return tl.where(score > -float("inf"), id, vocab)


@triton.jit
def write_role(
    draws, row, stride, floats, which, s, token, end, parts, PARTS: tl.constexpr
):  # fmt: skip
    """One role's own log-probability of the token; NaN where its row is not finite."""
    index = tl.arange(0, PARTS)
    at = floats + (ROLES + which) * PARTS + index
    largest = tl.load(at, mask=index < parts, other=-float("inf"), cache_modifier=".cg")
    sums = tl.load(at + 3 * PARTS, mask=index < parts, other=0.0, cache_modifier=".cg")
    most, rest = total_of(largest, sums)
    x = role_of(row, stride, s, token, end, float("nan"))
    tl.store(draws.role_logprobs + 3 * s + which, (x - most) - rest)


@triton.jit
def write_roles(
    logits, draws, floats, s, token, end, parts, fused_rows, PARTS: tl.constexpr
):  # fmt: skip
    """Each role's own log-probability of the token, which lies before end, or else NaN."""
    write_role(draws, logits.base, logits.base_stride, floats, 0, s, token, end, parts, PARTS)
    if logits.expert is not None:
        end = tl.where(s < fused_rows, end, 0)
        row, stride = logits.expert, logits.expert_stride
        write_role(draws, row, stride, floats, 1, s, token, end, parts, PARTS)
        row, stride = logits.antiexpert, logits.antiexpert_stride
        write_role(draws, row, stride, floats, 2, s, token, end, parts, PARTS)
    else:
        tl.store(draws.role_logprobs + 3 * s + 1, float("nan"))
        tl.store(draws.role_logprobs + 3 * s + 2, float("nan"))


@triton.jit
def token_of(
    rows, scratch, s, parts, vocab, FILTERS: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr
):
    """The token given, or else drawn."""
    token = vocab
    given = False
    if rows.given is not None:
        given = tl.load(rows.is_given + s)
        if given:
            token = tl.load(rows.given + s)
    if not given:
        token = drawn(rows, scratch, s, parts, vocab, FILTERS, PART, PARTS)
    return token


@triton.jit
def settle(
    logits, rows, draws, scratch, s, parts, fused_rows, vocab, FILTERS: tl.constexpr,
    PART: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Write row s of the draws, but for its rank and likeliest ids, and tell what they need."""
    index = tl.arange(0, PARTS)
    floats = scratch.floats + s * (FLOATS * PARTS)
    at, here = floats + index, index < parts
    largest = tl.load(at + LARGEST * PARTS, mask=here, other=-float("inf"), cache_modifier=".cg")
    sums = tl.load(at + SUM * PARTS, mask=here, other=0.0, cache_modifier=".cg")
    most, total = total_of(largest, sums)
    fine = total == total
    token = vocab
    if fine:
        token = token_of(rows, scratch, s, parts, vocab, FILTERS, PART, PARTS)
    fine = fine & (token >= 0) & (token < vocab)
    token, end = tl.where(fine, token, 0), tl.where(fine, vocab, 0)
    fused = fuse(logits, rows, s, token, end, fused_rows)
    nan = float("nan")
    tl.store(draws.tokens + s, token)
    tl.store(draws.logprobs + s, tl.where(fine, (fused - most) - total, nan))
    tl.store(draws.logsumexp + s, tl.where(fine, most + total, nan))
    tl.store(draws.finite + s, fine)
    if draws.role_logprobs is not None:
        write_roles(logits, draws, floats, s, token, end, parts, fused_rows, PARTS)
    return token, fine, most, total
