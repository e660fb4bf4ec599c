"""What the Triton sampler's kernels are handed, by name, and where things lie in scratch."""

from __future__ import annotations

from typing import Any, NamedTuple

import triton.language as tl

PART = 2048  # ids that one program works on; a row's bits depend on it and on nothing else

# scratch.floats [S, FLOATS, PARTS], scratch.ints [S, INTS, PARTS]: what each part leaves
FLOATS = tl.constexpr(11)
LARGEST = tl.constexpr(0)  # of fused
SUM = tl.constexpr(1)  # of exp(fused - LARGEST); NaN where the part is not finite
SCORE = tl.constexpr(2)  # the best scaled + gumbel; -inf where there is none
VALUE = tl.constexpr(3)  # scaled, where SCORE is
MOST = tl.constexpr(4)  # the largest scaled
ROLES = tl.constexpr(5)  # the largest, then the sum, of each role
INTS = tl.constexpr(4)
ID = tl.constexpr(0)  # where SCORE is
LARGEST_ID = tl.constexpr(1)
MOST_ID = tl.constexpr(2)
BROKEN = tl.constexpr(3)  # 1 where shaping made a NaN


class Logits(NamedTuple):
    """Row-strided [rows, at least vocab] each; the proxies are None where there is the base alone.

    In a signature the fields are type names instead; so it is for the other tuples.
    """

    base: Any
    expert: Any
    antiexpert: Any
    base_stride: Any
    expert_stride: Any
    antiexpert_stride: Any


class Columns(NamedTuple):
    """The fields of SampleRows, and the words of one mask of allowed ids."""

    alpha: Any
    temperature: Any
    top_k: Any
    top_p: Any
    min_p: Any
    seed: Any
    stream: Any
    position: Any
    repetition: Any
    presence: Any
    frequency: Any
    history: Any
    history_start: Any
    history_split: Any
    history_end: Any
    bias_ids: Any
    bias_values: Any
    bias_start: Any
    allowed: Any
    allowed_row: Any
    given: Any
    is_given: Any
    words: Any


class Draws(NamedTuple):
    """The fields of SampleDraws."""

    tokens: Any
    logprobs: Any
    logsumexp: Any
    finite: Any
    ranks: Any
    role_logprobs: Any
    top_ids: Any
    top_logprobs: Any


class Scratch(NamedTuple):
    """Memory that outlives a launch. `arrived` begins as zeros, and every launch leaves it so."""

    floats: Any  # [S, FLOATS, PARTS] float32
    ints: Any  # [S, INTS, PARTS] int32
    arrived: Any  # [S] int32; how many parts of a row are done
    scaled: Any  # [S, parts * PART] float32; written for filtered rows
    fused: Any  # the same, for ranks and the likeliest ids; None where neither is asked for
