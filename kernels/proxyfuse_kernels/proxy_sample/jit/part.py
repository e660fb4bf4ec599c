"""One part of one row: fuse, sum, shape, temper, draw: what a program does before its record."""

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample.jit.noise import at_most, gumbel, random_bits, random_word

HISTORY = tl.constexpr(512)  # tokens that are counted at a time
HIGHEST = tl.constexpr(3.4028234663852886e38)


@triton.jit
def role_of(row, stride, s, ids, end, other):
    """ids of row s of one role's logits, float32; `other` from end on, where nothing is read."""
    return tl.load(row + s * stride + ids, mask=ids < end, other=other).to(tl.float32)


@triton.jit
def fuse(logits, rows, s, ids, end, fused_rows):
    """base + alpha * (expert - antiexpert), -inf from end on; proxies of no weight are not read."""
    base = role_of(logits.base, logits.base_stride, s, ids, end, -float("inf"))
    if logits.expert is None:
        return base
    else:
        alpha = tl.where(s < fused_rows, tl.load(rows.alpha + s), 0.0)
        end = tl.where(alpha != 0, end, 0)
        expert = role_of(logits.expert, logits.expert_stride, s, ids, end, 0.0)
        antiexpert = role_of(logits.antiexpert, logits.antiexpert_stride, s, ids, end, 0.0)
        difference = expert - antiexpert
        return base + difference * alpha


@triton.jit
def sum_exp(x, ids, end, largest):
    """The sum of exp(x - largest), NaN unless all x before end are finite: there x * 0 is 0."""
    return tl.sum(tl.exp(x - largest) + tl.where(ids < end, x * 0.0, 0.0))


@triton.jit
def counts(history, start, stop, begin, end, PART: tl.constexpr):
    """How often each id of [begin, begin + PART) stands in history[start:stop]; 0 from end on."""
    found = tl.zeros([PART], tl.int32)
    for i in range(start, stop, HISTORY):
        at = i + tl.arange(0, HISTORY)
        token = tl.load(history + at, mask=at < stop, other=-1)
        here = (token >= begin) & (token < end)
        found += tl.histogram(tl.where(here, token - begin, 0), PART, mask=here)
    return found


@triton.jit
def penalise(x, rows, s, begin, end, PART: tl.constexpr):
    """Repetition over what was seen, frequency and presence over what was generated."""
    start, split = tl.load(rows.history_start + s), tl.load(rows.history_split + s)
    stop = tl.load(rows.history_end + s)
    generated = counts(rows.history, split, stop, begin, end, PART)
    repetition = tl.load(rows.repetition + s)
    if repetition != 1:
        seen = counts(rows.history, start, split, begin, end, PART) + generated
        factor = tl.full([PART], 0.0, tl.float32) + repetition
        repeated = tl.where(x > 0, tl.div_rn(x, factor), x * repetition)
        x = tl.where(seen > 0, repeated, x)
    x = x - tl.load(rows.frequency + s) * generated.to(tl.float32)
    return tl.where(generated > 0, x - tl.load(rows.presence + s), x)


@triton.jit
def shape(x, rows, s, begin, vocab, PART: tl.constexpr):
    """x + bias, then penalties; and 1 if that made a NaN, for which -inf stands."""
    ids = begin + tl.arange(0, PART)
    end = tl.minimum(begin + PART, vocab)
    broken = 0
    first, last = tl.load(rows.bias_start + s), tl.load(rows.bias_start + s + 1)
    for i in range(first, last):
        id = tl.load(rows.bias_ids + i)
        if (id >= begin) & (id < end):
            x = tl.where(ids == id, x + tl.load(rows.bias_values + i), x)
    penalised = tl.load(rows.repetition + s) != 1
    penalised |= tl.load(rows.presence + s) != 0
    penalised |= tl.load(rows.frequency + s) != 0
    penalised &= tl.load(rows.history_end + s) > tl.load(rows.history_start + s)
    if penalised:
        x = penalise(x, rows, s, begin, end, PART)
    if penalised | (last > first):
        broken = tl.max((x != x).to(tl.int32))
        x = tl.where(x == x, x, -float("inf"))
    return x, broken


@triton.jit
def allow(x, rows, s, ids, vocab):
    """-inf where the row's mask, if there is one, has no bit."""
    if rows.allowed is None:
        return x
    else:
        mask = rows.allowed + tl.load(rows.allowed_row + s).to(tl.int64) * rows.words
        word = tl.load(mask + (ids >> 5), mask=ids < vocab, other=0)
        return tl.where((word >> (ids & 31)) & 1 > 0, x, -float("inf"))


@triton.jit
def temper(x, temperature, PART: tl.constexpr):
    """x / temperature, where that is above 0; kept from overflowing upwards."""
    if (temperature > 0) & (temperature != 1):
        x = tl.div_rn(x, tl.full([PART], 0.0, tl.float32) + temperature)
    return tl.where(x > HIGHEST, HIGHEST, x)


@triton.jit
def draw(scaled, rows, s, begin, PART: tl.constexpr):
    """The best scaled + gumbel, its id, and scaled there.

    Nearly always one id's upper bound beats all: then the portable logarithms are its alone.
    """
    place = tl.arange(0, PART)
    position, stream = tl.load(rows.position + s), tl.load(rows.stream + s)
    seed = tl.load(rows.seed + s)
    bound = scaled + at_most(random_bits(begin, position, stream, seed, PART))
    _, at = tl.max(bound, axis=0, return_indices=True)
    value = tl.max(tl.where(place == at, scaled, -float("inf")))
    score = value + gumbel(random_word(begin + at, position, stream, seed))
    rivals = tl.sum((bound >= score).to(tl.int32))
    if (rivals > 1) & (score > -float("inf")):
        # Made again rather than kept in registers; the shift is 0, which a compiler cannot see.
        bits = random_bits(begin + (rivals >> 31), position, stream, seed, PART)
        score, at = tl.max(scaled + gumbel(bits), axis=0, return_indices=True)
        value = tl.max(tl.where(place == at, scaled, -float("inf")))
    return score, begin + at, value
