"""Some of a batch's rows, recorded or called, are those rows of the whole batch."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from proxyfuse_kernels.cpu import Tape
from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler, SampleRows, reference
from tests.proxyfuse_kernels.proxy_sample.batches import (
    AND_MARGINS,
    assert_identical,
    mixed_logits,
    mixed_rows,
)

pytest.importorskip("proxyfuse_kernels._cpu")
from tests.proxyfuse_kernels.proxy_sample.test_compiled import TEAMS

CUTS = [(0, 12), (0, 5), (3, 4), (7, 1), (11, 1), (4, 8)]
COUNT, VOCAB = 12, 4097


def part(draws: SampleDraws, begin: int, count: int) -> SampleDraws:
    return SampleDraws(
        **{f.name: getattr(draws, f.name)[begin : begin + count] for f in fields(SampleDraws)}
    )


def batch(fused: int, seed: int = 0) -> tuple[list[torch.Tensor], SampleRows]:
    dice = torch.Generator().manual_seed(seed)
    logits = mixed_logits(COUNT, fused, VOCAB, [torch.float32] * 3, dice)
    return logits, mixed_rows(COUNT, VOCAB, dice)


def some(logits: list[torch.Tensor], begin: int, count: int) -> list[torch.Tensor]:
    parts = [x[begin : begin + count] for x in logits]
    return parts if len(parts[-1]) else parts[:1]


@pytest.mark.parametrize("fused", [0, 8, 12])
@pytest.mark.parametrize(("begin", "count"), CUTS)
def test_recorded_rows_are_the_same_to_the_bit(fused: int, begin: int, count: int) -> None:
    """Drawn into the front of longer buffers, whose other rows stay as they are."""
    logits, rows = batch(fused)
    whole = Sampler(VOCAB, TEAMS[1])(logits, rows, **AND_MARGINS)
    sampler, tape = Sampler(VOCAB, TEAMS[3]), Tape()
    draws = SampleDraws.empty(COUNT + 2, AND_MARGINS["top"], True, True, margins=True)
    for field in fields(SampleDraws):
        getattr(draws, field.name).fill_(1)
    sampler.record(tape, some(logits, begin, count), rows, begin, draws)
    for _ in range(2):
        tape.run(TEAMS[3])
        assert_identical(part(draws, 0, count), part(whole, begin, count))
        for field in fields(SampleDraws):
            assert (getattr(draws, field.name)[count:] == 1).all(), field.name


def test_a_recorded_tape_reads_what_its_rows_hold_when_it_runs() -> None:
    logits, rows = [torch.randn(COUNT, VOCAB)], SampleRows.plain(COUNT)
    sampler, tape, draws = Sampler(VOCAB, TEAMS[2]), Tape(), SampleDraws.empty(6, 0, False, False)
    sampler.record(tape, some(logits, 2, 6), rows, 2, draws)
    drawn = []
    for position in (0, 1):
        rows.position.fill_(position)
        tape.run(TEAMS[2])
        drawn.append(draws.tokens.clone())
        assert torch.equal(drawn[-1], sampler(logits, rows).tokens[2:8])
    assert not torch.equal(*drawn)


def test_nothing_more_is_written_than_was_asked_for() -> None:
    logits, rows = batch(COUNT)
    sampler, tape = Sampler(VOCAB, TEAMS[1]), Tape()
    draws = SampleDraws.empty(COUNT, 0, False, False)
    assert draws.ranks is None and draws.role_logprobs is None and draws.top_ids is None
    sampler.record(tape, logits, rows, 0, draws)
    tape.run(TEAMS[1])
    whole = sampler(logits, rows)
    assert torch.equal(draws.tokens, whole.tokens)
    with pytest.raises(ValueError, match="2 roles"):
        sampler.record(tape, logits[:2], rows, 0, draws)


@pytest.mark.parametrize("run", [reference.proxy_sample, None], ids=["plain", "compiled"])
@pytest.mark.parametrize(("begin", "count"), CUTS)
def test_cut_rows_draw_the_same(run: Any, begin: int, count: int) -> None:
    logits, rows = batch(8)
    sample = run or Sampler(VOCAB)
    options = AND_MARGINS | ({"vocab": VOCAB} if run else {})
    whole = sample(logits, rows, **options)
    cut = sample(some(logits, begin, count), rows.cut(begin, count), **options)
    assert_identical(cut, part(whole, begin, count))


def test_a_cut_is_a_view_without_the_columns_that_were_not_there() -> None:
    rows = SampleRows.plain(5)
    cut = rows.cut(2, 2)
    rows.position.fill_(7)
    assert cut.position.tolist() == [7, 7] and len(cut.bias_start) == 3
    assert cut.allowed is cut.given is None and cut.history is rows.history


def test_taking_overwrites_the_leading_rows_alone() -> None:
    logits, rows = batch(COUNT)
    whole = Sampler(VOCAB)(logits, rows, **AND_MARGINS)
    mine = SampleDraws.empty(COUNT + 3, AND_MARGINS["top"], True, True, margins=True)
    for field in fields(SampleDraws):
        getattr(mine, field.name).fill_(1)
    mine.take(part(whole, 0, 9))
    assert_identical(part(mine, 0, 9), part(whole, 0, 9))
    assert all((getattr(mine, f.name)[9:] == 1).all() for f in fields(SampleDraws))
    less = SampleDraws.empty(COUNT, 0, True, False)
    less.take(whole)
    assert torch.equal(less.ranks, whole.ranks) and less.role_logprobs is None


@pytest.mark.parametrize("top", [0, 3])
def test_log_probabilities_that_nobody_reads_are_not_told(top: int) -> None:
    logits, rows = batch(COUNT)
    sampler, tape, nothing = Sampler(VOCAB, TEAMS[2]), Tape(), torch.empty(0)
    draws = SampleDraws.empty(COUNT, top, False, False, margins=True)
    draws = replace(draws, logprobs=nothing, logsumexp=nothing)
    sampler.record(tape, logits, rows, 0, draws)
    tape.run(TEAMS[2])
    whole = sampler(logits, rows, top=top, margins=True)
    for name in ("tokens", "finite", "margins", *(("top_ids", "top_logprobs") if top else ())):
        torch.testing.assert_close(
            getattr(draws, name), getattr(whole, name), rtol=0, atol=0, equal_nan=True
        )
    taken = SampleDraws.empty(COUNT, 0, False, False)
    taken = replace(taken, logprobs=nothing, logsumexp=nothing)
    sampler.into(logits, rows, taken)
    assert torch.equal(taken.tokens, whole.tokens)
