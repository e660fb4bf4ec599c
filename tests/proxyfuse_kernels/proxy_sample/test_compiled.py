"""The compiled kernel against the plain version: the same tokens, whatever the rows and team."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler, SampleRows, reference
from tests.proxyfuse_kernels.proxy_sample.batches import (
    AND_MARGINS,
    assert_identical,
    assert_same,
    mixed_logits,
    mixed_rows,
    take,
)

cpu = pytest.importorskip("proxyfuse_kernels._cpu")

TEAMS = {threads: cpu.Team(threads) for threads in (1, 2, 3, 4)}
VOCABS = [1, 5, 111, 4096, 4097, 9001]
WIDE_VOCABS = [32000, 32001, 128256, 151936]
FLOATS = st.sampled_from([torch.float32, torch.float32, torch.bfloat16, torch.float16])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 24),
    vocab=st.sampled_from(VOCABS),
    types=st.lists(FLOATS, min_size=3, max_size=3),
    alike=st.booleans(),
    threads=st.sampled_from(list(TEAMS)),
    isa=st.sampled_from(cpu.isas()),
    data=st.data(),
)
def test_tokens_equal_the_plain_versions(
    seed: int,
    count: int,
    vocab: int,
    types: list[torch.dtype],
    alike: bool,
    threads: int,
    isa: str,
    data: st.DataObject,
) -> None:
    dice = torch.Generator().manual_seed(seed)
    fused = data.draw(st.integers(0, count))
    logits = mixed_logits(count, fused, vocab, [types[0]] * 3 if alike else types, dice)
    rows = mixed_rows(count, vocab, dice)
    expected = reference.proxy_sample(logits, rows, vocab=vocab, **AND_MARGINS)
    assert_same(Sampler(vocab, TEAMS[threads], isa)(logits, rows, **AND_MARGINS), expected)


@pytest.mark.parametrize("vocab", WIDE_VOCABS)
def test_tokens_equal_the_plain_versions_on_wide_rows(vocab: int) -> None:
    dice = torch.Generator().manual_seed(vocab)
    logits = mixed_logits(12, 9, vocab, [torch.float32] * 3, dice)
    rows = mixed_rows(12, vocab, dice)
    expected = reference.proxy_sample(logits, rows, vocab=vocab, **AND_MARGINS)
    assert_same(Sampler(vocab, TEAMS[2])(logits, rows, **AND_MARGINS), expected)


def plain_rows(count: int, **columns: float) -> SampleRows:
    full = {
        name: torch.full((count,), value, dtype=torch.int32 if name == "top_k" else torch.float32)
        for name, value in columns.items()
    }
    return SampleRows.plain(count, position=torch.arange(count, dtype=torch.int32), **full)


@pytest.mark.parametrize("columns", [{}, {"top_p": 0.9}, {"top_k": 40}, {"temperature": 0.0}])
@pytest.mark.parametrize("spread", [0.1, 1.0, 8.0])
def test_many_plain_draws_equal_the_plain_versions(
    columns: dict[str, float], spread: float
) -> None:
    count, vocab = 100, 1000
    dice = torch.Generator().manual_seed(1)
    logits = [torch.randn(count, vocab, generator=dice) * spread for _ in range(3)]
    rows = plain_rows(count, **columns)
    expected = reference.proxy_sample(logits, rows, vocab=vocab, margins=True)
    assert_same(Sampler(vocab)(logits, rows, margins=True), expected)
    assert_same(Sampler(vocab)(logits, rows), replace(expected, margins=None))


@pytest.mark.parametrize("vocab", [111, 9001])
def test_a_rows_bits_depend_on_neither_neighbours_nor_threads_nor_machine(vocab: int) -> None:
    count = 64
    dice = torch.Generator().manual_seed(3)
    logits = mixed_logits(count, count, vocab, [torch.float32] * 3, dice)
    rows = mixed_rows(count, vocab, dice)
    whole = Sampler(vocab, TEAMS[1])(logits, rows, **AND_MARGINS)
    for isa in cpu.isas():
        assert_identical(Sampler(vocab, TEAMS[1], isa)(logits, rows, **AND_MARGINS), whole)
    for threads, ids in [(1, [5]), (2, [63]), (3, [9, 2]), (4, [17, 40, 3]), (4, list(range(64)))]:
        alone = Sampler(vocab, TEAMS[threads])(
            [x[ids] for x in logits], take(rows, ids), **AND_MARGINS
        )
        parts = {f.name: getattr(whole, f.name)[ids] for f in fields(SampleDraws)}
        assert_identical(alone, SampleDraws(**parts))


def test_one_sampler_serves_many_batches() -> None:
    """Scratch carries nothing from one call to the next."""
    vocab = 4097
    sampler = Sampler(vocab, TEAMS[2])
    for seed, count in enumerate([8, 1, 3, 8, 1]):
        dice = torch.Generator().manual_seed(seed)
        logits = mixed_logits(count, count, vocab, [torch.float32] * 3, dice)
        rows = mixed_rows(count, vocab, dice)
        again = Sampler(vocab)(logits, rows, **AND_MARGINS)
        assert_identical(sampler(logits, rows, **AND_MARGINS), again)


def test_unusable_tensors_are_refused() -> None:
    rows = SampleRows.plain(2)
    with pytest.raises(ValueError, match="float64"):
        Sampler(5)([torch.zeros(2, 5, dtype=torch.float64)], rows)
    with pytest.raises(ValueError, match="strides"):
        Sampler(5)([torch.zeros(5, 2).t()], rows)
    with pytest.raises(ValueError, match="at least vocab=6"):
        Sampler(6)([torch.zeros(2, 5)], rows)
    with pytest.raises(ValueError, match="2 roles"):
        Sampler(5)([torch.zeros(2, 5)] * 2, rows)
    with pytest.raises(ValueError, match="expert == antiexpert"):
        Sampler(5)([torch.zeros(2, 5), torch.zeros(1, 5), torch.zeros(2, 5)], rows)
    with pytest.raises(ValueError, match="top_k"):
        Sampler(5)([torch.zeros(2, 5)], SampleRows.plain(2, top_k=torch.zeros(2)))
