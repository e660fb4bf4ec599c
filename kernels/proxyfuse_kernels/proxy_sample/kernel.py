"""The Triton sampler: one program a part of a row; a row's last program puts its parts together."""

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample.arguments import (
    BROKEN,
    FLOATS,
    ID,
    INTS,
    LARGEST,
    LARGEST_ID,
    MOST,
    MOST_ID,
    ROLES,
    SCORE,
    SUM,
    VALUE,
    Columns,
    Draws,
)
from proxyfuse_kernels.proxy_sample.jit.part import (
    allow,
    draw,
    fuse,
    role_of,
    shape,
    sum_exp,
    temper,
)
from proxyfuse_kernels.proxy_sample.jit.settle import filtered, settle
from proxyfuse_kernels.proxy_sample.jit.whole import write_whole

# Read and written a value at a time: alignment gains nothing, and every other one, as of columns
# that begin in the middle, would be compiled anew. Triton looks at it in tuples, whatever it is
# told, so that these are arguments of their own.
BY_ROW = (*Columns._fields, *Draws._fields)


@triton.jit
def record_role(row, stride, floats, which, s, ids, end, PARTS: tl.constexpr):
    """One role's largest logit and sum."""
    x = role_of(row, stride, s, ids, end, -float("inf"))
    largest = tl.max(x)
    tl.store(floats + (ROLES + which) * PARTS, largest)
    tl.store(floats + (ROLES + 3 + which) * PARTS, sum_exp(x, ids, end, largest))


@triton.jit
def record_roles(logits, floats, s, ids, vocab, fused_rows, PARTS: tl.constexpr):
    """Every role's; the sum of one that the row has not is NaN."""
    record_role(logits.base, logits.base_stride, floats, 0, s, ids, vocab, PARTS)
    if logits.expert is not None:
        end = tl.where(s < fused_rows, vocab, 0)
        record_role(logits.expert, logits.expert_stride, floats, 1, s, ids, end, PARTS)
        record_role(logits.antiexpert, logits.antiexpert_stride, floats, 2, s, ids, end, PARTS)


@triton.jit
def record_draw(
    x, rows, scratch, floats, ints, s, begin, vocab, PART: tl.constexpr, PARTS: tl.constexpr,
    FILTERS: tl.constexpr,
):  # fmt: skip
    """Shape and temper the fused part, and draw from it as if nothing were filtered."""
    ids = begin + tl.arange(0, PART)
    x, broken = shape(x, rows, s, begin, vocab, PART)
    temperature = tl.load(rows.temperature + s)
    scaled = temper(allow(x, rows, s, ids, vocab), temperature, PART)
    if FILTERS and filtered(rows, s, vocab):
        tl.store(scratch.scaled + s * (tl.num_programs(0) * PART) + ids, scaled)
    most, at = tl.max(scaled, axis=0, return_indices=True)
    tl.store(floats + MOST * PARTS, most)
    tl.store(ints + MOST_ID * PARTS, begin + at)
    tl.store(ints + BROKEN * PARTS, broken)
    score, id, value = most, begin + at, most
    if temperature > 0:
        score, id, value = draw(scaled, rows, s, begin, PART)
    tl.store(floats + SCORE * PARTS, score)
    tl.store(floats + VALUE * PARTS, value)
    tl.store(ints + ID * PARTS, id)


@triton.jit
def first_pass(
    logits, rows, draws, scratch, s, p, fused_rows, vocab, PART: tl.constexpr, PARTS: tl.constexpr,
    FILTERS: tl.constexpr,
):  # fmt: skip
    """Everything about one part, into its place in the scratch."""
    begin = p * PART
    ids = begin + tl.arange(0, PART)
    floats = scratch.floats + s * (FLOATS * PARTS) + p
    ints = scratch.ints + s * (INTS * PARTS) + p
    x = fuse(logits, rows, s, ids, vocab, fused_rows)
    largest = tl.max(x)
    total = sum_exp(x, ids, vocab, largest)
    tl.store(floats + LARGEST * PARTS, largest)
    tl.store(floats + SUM * PARTS, total)
    if scratch.fused is not None:
        tl.store(scratch.fused + s * (tl.num_programs(0) * PART) + ids, x)
        tl.store(ints + LARGEST_ID * PARTS, tl.min(tl.where(x == largest, ids, begin + PART - 1)))
    if draws.role_logprobs is not None:
        record_roles(logits, floats, s, ids, vocab, fused_rows, PARTS)
    drawing = total == total  # there is nothing to draw from beside a NaN or an infinity
    if rows.given is not None:
        drawing = drawing & (tl.load(rows.is_given + s) == 0)
    if drawing:
        record_draw(x, rows, scratch, floats, ints, s, begin, vocab, PART, PARTS, FILTERS)


@triton.jit(do_not_specialize=[*BY_ROW, "fused_rows"])
def sample_part(
    logits, scratch,
    alpha, temperature, top_k, top_p, min_p, seed, stream, position, repetition, presence,
    frequency, history, history_start, history_split, history_end, bias_ids, bias_values,
    bias_start, allowed, allowed_row, given, is_given, words,
    tokens, logprobs, logsumexp, finite, ranks, role_logprobs, top_ids, top_logprobs,
    fused_rows, vocab, FILTERS: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Grid (parts, S): every part, and the results of rows that need no more than their records.

    The first fused_rows rows have all three roles; ids below vocab count. Filtered rows, and all
    where ranks or likeliest ids are asked for, are left to `settle_row`.
    """
    rows = Columns(
        alpha, temperature, top_k, top_p, min_p, seed, stream, position, repetition, presence,
        frequency, history, history_start, history_split, history_end, bias_ids, bias_values,
        bias_start, allowed, allowed_row, given, is_given, words,
    )  # fmt: skip
    draws = Draws(tokens, logprobs, logsumexp, finite, ranks, role_logprobs, top_ids, top_logprobs)
    p, parts = tl.program_id(0), tl.num_programs(0)
    s = tl.program_id(1).to(tl.int64)
    first_pass(logits, rows, draws, scratch, s, p, fused_rows, vocab, PART, PARTS, FILTERS)
    if scratch.fused is None:
        late = False
        if FILTERS:
            late = filtered(rows, s, vocab)
        if not late:
            tl.debug_barrier()  # all of this program's stores come before its arrival
            if tl.atomic_add(scratch.arrived + s, 1, sem="acq_rel") == parts - 1:
                tl.store(scratch.arrived + s, 0)  # for the next launch
                settle(
                    logits, rows, draws, scratch, s, parts, fused_rows, vocab, False, PART, PARTS
                )


@triton.jit(do_not_specialize=[*BY_ROW, "fused_rows", "top"])
def settle_row(
    logits, scratch,
    alpha, temperature, top_k, top_p, min_p, seed, stream, position, repetition, presence,
    frequency, history, history_start, history_split, history_end, bias_ids, bias_values,
    bias_start, allowed, allowed_row, given, is_given, words,
    tokens, logprobs, logsumexp, finite, ranks, role_logprobs, top_ids, top_logprobs,
    fused_rows, top, parts, vocab, PART: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Grid (S,), after `sample_part`: the rows that it left, each from its row in the scratch."""
    rows = Columns(
        alpha, temperature, top_k, top_p, min_p, seed, stream, position, repetition, presence,
        frequency, history, history_start, history_split, history_end, bias_ids, bias_values,
        bias_start, allowed, allowed_row, given, is_given, words,
    )  # fmt: skip
    draws = Draws(tokens, logprobs, logsumexp, finite, ranks, role_logprobs, top_ids, top_logprobs)
    s = tl.program_id(0).to(tl.int64)
    if scratch.fused is not None:
        token, fine, most, total = settle(
            logits, rows, draws, scratch, s, parts, fused_rows, vocab, True, PART, PARTS
        )
        write_whole(draws, scratch, s, token, fine, most, total, top, parts, PART, PARTS)
    elif filtered(rows, s, vocab):
        settle(logits, rows, draws, scratch, s, parts, fused_rows, vocab, True, PART, PARTS)
