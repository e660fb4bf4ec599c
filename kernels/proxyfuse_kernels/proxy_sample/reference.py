"""The meaning of `proxy_sample`, in plain torch, row by row: what every fast version must equal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample.filters import kept
from proxyfuse_kernels.proxy_sample.noise import gumbel, random_bits
from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows

LARGEST = torch.finfo(torch.float32).max


def proxy_sample(
    logits: Sequence[Tensor],
    rows: SampleRows,
    *,
    vocab: int,
    top: int = 0,
    ranks: bool = False,
    roles: bool = False,
    margins: bool = False,
) -> SampleDraws:
    """As `proxyfuse_kernels.proxy_sample.proxy_sample`, on any device."""
    drawn = [
        draw_row([x[s, :vocab].float() for x in logits if s < x.shape[0]], rows, s, top)
        for s in range(logits[0].shape[0])
    ]
    token, logprob, total, finite, rank, by_role, ids, values, margin = (
        torch.stack(column) for column in zip(*drawn, strict=True)
    )
    return SampleDraws(
        tokens=token.int(),
        logprobs=logprob,
        logsumexp=total,
        finite=finite,
        ranks=rank.int() if ranks else None,
        role_logprobs=by_role if roles else None,
        top_ids=ids.int() if top else None,
        top_logprobs=values if top else None,
        margins=margin if margins else None,
    )


def draw_row(models: list[Tensor], rows: SampleRows, s: int, top: int) -> tuple[Tensor, ...]:
    """Row s of every field of `SampleDraws`.  models: [vocab] float32 each, of the roles it has."""
    fused = fuse(models, rows.alpha[s])
    scaled = temper(shape(fused, rows, s), rows.temperature[s])
    token, margin = choose(scaled, rows, s)
    given = rows.given is not None and rows.is_given is not None and bool(rows.is_given[s])
    if given:
        assert rows.given is not None
        token, margin = int(rows.given[s]), math.nan
    if not fused.isfinite().all() or not 0 <= token < fused.numel():
        return nothing(fused, top)
    logprobs, total = log_softmax(fused)
    by_role = fused.new_full((3,), math.nan)
    for role, model in enumerate(models):
        if model.isfinite().all():
            by_role[role] = log_softmax(model)[0][token]
    best = fused.sort(descending=True, stable=True)
    return (
        torch.tensor(token, device=fused.device),
        logprobs[token],
        total,
        torch.tensor(True, device=fused.device),
        1 + (fused > fused[token]).sum(),
        by_role,
        best.indices[:top],
        logprobs[best.indices[:top]],
        fused.new_tensor(margin),
    )


def nothing(fused: Tensor, top: int) -> tuple[Tensor, ...]:
    """The row where there is nothing to draw from: token 0, not finite, NaN in place of numbers."""
    nan = fused.new_tensor(math.nan)
    zero = torch.tensor(0, device=fused.device)
    top = min(top, fused.numel())
    return zero, nan, nan, zero.bool(), zero, nan.expand(3), zero.expand(top), nan.expand(top), nan


def fuse(models: list[Tensor], alpha: Tensor) -> Tensor:
    """base + alpha * (expert - antiexpert), or base where those are absent or weigh nothing."""
    if len(models) == 1 or alpha == 0:
        return models[0]
    base, expert, antiexpert = models
    difference = expert - antiexpert
    difference = difference * alpha
    return base + difference


def log_softmax(x: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities and the log-sum-exp, in float64, given as float32."""
    exact = x.double()
    total = exact.logsumexp(0)
    return (exact - total).float(), total.float()


def shape(fused: Tensor, rows: SampleRows, s: int) -> Tensor:
    """fused + bias, then repetition, frequency, presence penalties, then -inf where not allowed."""
    x = fused.clone()
    vocab = x.numel()
    start, stop = int(rows.bias_start[s]), int(rows.bias_start[s + 1])
    ids, values = rows.bias_ids[start:stop].long(), rows.bias_values[start:stop]
    inside = (ids >= 0) & (ids < vocab)
    x.index_add_(0, ids[inside], values[inside])

    start, split, end = (
        int(t[s]) for t in (rows.history_start, rows.history_split, rows.history_end)
    )
    seen = counts(rows.history[start:end], vocab) > 0
    generated = counts(rows.history[split:end], vocab)
    repeated = torch.where(x > 0, x / rows.repetition[s], x * rows.repetition[s])
    x = torch.where(seen, repeated, x)
    x = x - rows.frequency[s] * generated.float()
    x = torch.where(generated > 0, x - rows.presence[s], x)

    if rows.allowed is None or rows.allowed_row is None:
        return x
    bits = torch.arange(vocab, device=x.device)
    words = rows.allowed[int(rows.allowed_row[s])]
    return torch.where((words[bits >> 5] >> (bits & 31).int()) & 1 > 0, x, -math.inf)


def counts(tokens: Tensor, vocab: int) -> Tensor:
    """How often each id stands among the tokens: [vocab] int64; ids outside are passed over."""
    tokens = tokens[(tokens >= 0) & (tokens < vocab)]
    return torch.bincount(tokens, minlength=vocab)


def temper(shaped: Tensor, temperature: Tensor) -> Tensor:
    """shaped / temperature, where that is above 0; kept from overflowing upwards."""
    scaled = shaped / temperature if temperature > 0 else shaped
    return scaled.clamp_max(LARGEST)


def choose(scaled: Tensor, rows: SampleRows, s: int) -> tuple[int, float]:
    """The id drawn, or the greedy one, and by how much it leads all others.

    The row's length for an id where all are forbidden or some are NaN.
    """
    nothing = scaled.numel(), math.nan
    if not (scaled > -math.inf).any() or scaled.isnan().any():
        return nothing
    if rows.temperature[s] > 0:
        keep = kept(scaled, int(rows.top_k[s]), float(rows.top_p[s]), float(rows.min_p[s]))
        one = slice(s, s + 1)
        bits = random_bits(rows.seed[one], rows.stream[one], rows.position[one], scaled.numel())
        scaled = torch.where(keep, scaled + gumbel(bits[0]), -math.inf)
    best = scaled.max()
    if best == -math.inf:
        return nothing
    token = int((scaled == best).int().argmax())
    others = torch.cat([scaled[:token], scaled[token + 1 :], scaled.new_tensor([-math.inf])])
    return token, float(best - others.max())
