"""Batches that are chosen to hurt a sampler, and how two samplers' draws are compared."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows

EVERYTHING: dict[str, Any] = {"top": 7, "ranks": True, "roles": True}
AND_MARGINS = EVERYTHING | {"margins": True}  # which kernels of devices do not tell
KINDS = ["normal", "narrow", "wide", "huge", "ties", "one hot", "negative", "flat", "bad"]


def row_of(kind: str, vocab: int, dice: torch.Generator) -> Tensor:
    x = torch.randn(vocab, generator=dice)
    match kind:
        case "normal":
            return x * 3
        case "narrow":
            return x * 0.01
        case "wide":
            return x * 40
        case "huge":
            return x * 1e30
        case "ties":
            return x.round()
        case "one hot":
            hot = torch.zeros(vocab)
            hot[int(torch.randint(vocab, (1,), generator=dice))] = 30
            return hot
        case "negative":
            return x - 1000
        case "flat":
            return torch.zeros(vocab)
    x[int(torch.randint(vocab, (1,), generator=dice))] = math.nan if x[0] > 0 else math.inf
    return x


def pick(values: list[Any], count: int, dice: torch.Generator) -> list[Any]:
    return [values[i] for i in torch.randint(len(values), (count,), generator=dice).tolist()]


def mixed_logits(
    count: int, fused: int, vocab: int, types: list[torch.dtype], dice: torch.Generator
) -> list[Tensor]:
    """Rows of every kind, each model in its own width and type; the tails hold NaN."""
    logits = []
    for role, (rows, dtype) in enumerate(zip((count, fused, fused), types, strict=True)):
        padded = torch.full((rows, vocab + 3 + role * 5), math.nan)
        for s, kind in enumerate(pick(KINDS, rows, dice)):
            padded[s, :vocab] = row_of(kind, vocab, dice)
        if dtype == torch.float16:
            padded = padded.clamp(-6e4, 6e4)
        logits.append(padded.to(dtype)[:, : vocab + 2])
    return logits if fused else logits[:1]


def mixed_rows(count: int, vocab: int, dice: torch.Generator) -> SampleRows:
    """Every feature at once, each on some rows."""

    def floats(*values: float) -> Tensor:
        return torch.tensor(pick(list(values), count, dice))

    def ints(low: int, high: int, size: int = count) -> Tensor:
        return torch.randint(low, high, (size,), generator=dice, dtype=torch.int32)

    history = ints(-1, vocab + 2, 40)
    ends = torch.sort(torch.stack([ints(0, 41), ints(0, 41), ints(0, 41)]), dim=0).values
    bias = pick([0, 0, 1, 5], count, dice)
    starts = torch.tensor([0, *bias]).cumsum(0).int()
    bias_values = torch.tensor(pick([1.5, -2.0, 100.0, -math.inf], sum(bias), dice))
    masks = torch.randint(-(2**31), 2**31, (3, (vocab + 31) // 32), generator=dice).int()
    masks[1] = -1
    masks[2, 1:] = 0
    return SampleRows(
        alpha=floats(0.0, 1.0, 0.37, -1.5),
        temperature=floats(0.0, 1.0, 0.3, 2.0, 0.77),
        top_k=torch.tensor(pick([0, 0, 1, 3, 50, vocab // 2, vocab + 1], count, dice)).int(),
        top_p=floats(1.0, 1.0, 0.95, 0.5, 1e-6, 0.999),
        min_p=floats(0.0, 0.0, 0.05, 1.0, 1e-4),
        seed=torch.randint(-(2**62), 2**62, (count,), generator=dice),
        stream=ints(0, 5),
        position=ints(0, 1000),
        repetition=floats(1.0, 1.0, 1.3, 0.7),
        presence=floats(0.0, 0.0, 0.5, -0.5),
        frequency=floats(0.0, 0.0, 0.25, -1.0),
        history=history,
        history_start=ends[0].contiguous(),
        history_split=ends[1].contiguous(),
        history_end=ends[2].contiguous(),
        bias_ids=ints(-1, vocab + 2, sum(bias)),
        bias_values=bias_values,
        bias_start=starts,
        allowed=masks,
        allowed_row=torch.tensor(pick([0, 1, 1, 1, 2], count, dice)).int(),
        given=ints(0, vocab),
        is_given=torch.tensor(pick([False, False, False, True], count, dice)),
    )


def assert_same(got: SampleDraws, expected: SampleDraws) -> None:
    """Tokens, flags and order to the bit, numbers to 1e-5 of their size."""
    for field in fields(SampleDraws):
        a, b = getattr(got, field.name), getattr(expected, field.name)
        if b is None or not b.is_floating_point():
            assert (a is None and b is None) or torch.equal(a, b), field.name
        else:
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)


def assert_identical(got: SampleDraws, expected: SampleDraws) -> None:
    for field in fields(SampleDraws):
        a, b = getattr(got, field.name), getattr(expected, field.name)
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def told(draws: SampleDraws) -> dict[str, Tensor]:
    """The fields that there are."""
    found = {field.name: getattr(draws, field.name) for field in fields(SampleDraws)}
    return {name: x for name, x in found.items() if x is not None}


def take(rows: SampleRows, ids: list[int]) -> SampleRows:
    """Some of the rows, in another order."""
    columns = {field.name: getattr(rows, field.name) for field in fields(SampleRows)}
    whole = {"history", "bias_ids", "bias_values", "bias_start", "allowed"}
    taken = {name: x if name in whole else x[ids].contiguous() for name, x in columns.items()}
    spans = [(int(rows.bias_start[s]), int(rows.bias_start[s + 1])) for s in ids]
    taken["bias_start"] = torch.tensor([0, *(b - a for a, b in spans)]).cumsum(0).int()
    for name in ("bias_ids", "bias_values"):
        taken[name] = torch.cat([columns[name][a:b] for a, b in spans])
    return SampleRows(**taken)
