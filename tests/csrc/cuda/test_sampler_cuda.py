"""The CUDA sampler's own source, run on an emulated chip: the draws of the plain version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.kernels.cuda_sampler import COLUMNS, DRAWS, TYPES, RefusedError
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows, reference
from tests.csrc.cuda.emulated import Chip, sample
from tests.proxyfuse_kernels.proxy_sample.batches import (
    EVERYTHING,
    assert_identical,
    assert_same,
    mixed_logits,
    mixed_rows,
    take,
    told,
)

Batch = tuple[int, list[Tensor], SampleRows]
CLUSTERED = Chip(major=9)
ARRIVING = Chip(major=8)
NARROW = Chip(major=9, shared_bytes=5 << 10)  # rows do not fit into the blocks' memory
CHIPS = pytest.mark.parametrize("chip", [CLUSTERED, ARRIVING, NARROW], ids=["9", "8", "narrow"])


def random_batch(seed: int, vocab: int, count: int) -> Batch:
    dice = torch.Generator().manual_seed(seed)
    types = [TYPES[i] for i in torch.randint(3, (3,), generator=dice).tolist()]
    types = types if seed % 2 else types[:1] * 3
    fused = int(torch.randint(count + 1, (1,), generator=dice))
    return vocab, mixed_logits(count, fused, vocab, types, dice), mixed_rows(count, vocab, dice)


@CHIPS
@pytest.mark.parametrize(
    ("vocab", "counts"),
    [
        (1, [1, 3]),
        (5, [1, 3, 12]),
        (111, [1, 3, 8, 16, 64]),
        (513, [3, 8, 8]),
        (2048, [1, 3, 8]),
        (4111, [8, 8]),
        (32001, [1, 3]),
        (151936, [2]),
    ],
)
def test_draws_are_those_of_the_plain_version(
    emulated: Path, vocab: int, counts: list[int], chip: Chip
) -> None:
    for seed, count in enumerate(counts):
        vocab, logits, rows = random_batch(seed, vocab, count)
        got = sample(
            emulated, logits, rows, vocab=vocab, chip=replace(chip, dice=seed), **EVERYTHING
        )
        assert_same(got, reference.proxy_sample(logits, rows, vocab=vocab, **EVERYTHING))


@CHIPS
def test_a_row_alone_is_the_row_among_others_and_again(emulated: Path, chip: Chip) -> None:
    vocab, logits, rows = random_batch(3, 1500, 6)
    logits = [x[:4] if i else x for i, x in enumerate(logits * 3)][:3]
    among = sample(
        emulated, logits, rows, vocab=vocab, chip=replace(chip, launches=3), **EVERYTHING
    )
    for s in range(6):
        alone = [x[s : s + 1].contiguous() for x in logits if s < len(x)]
        got = sample(
            emulated, alone, take(rows, [s]), vocab=vocab, chip=replace(chip, dice=s), **EVERYTHING
        )
        columns = {name: x[s : s + 1] for name, x in told(among).items()}
        assert_identical(got, SampleDraws(**columns))


@CHIPS
def test_what_is_null_stands_for_the_default(emulated: Path, chip: Chip) -> None:
    vocab, logits, rows = random_batch(5, 700, 7)
    absent = frozenset(COLUMNS) - {"temperature", "seed", "stream", "position", "allowed_stride"}
    plain = SampleRows.plain(
        7, temperature=rows.temperature, seed=rows.seed, stream=rows.stream, position=rows.position
    )
    unasked = frozenset(DRAWS) - {"tokens", "logprobs"}
    got = sample(emulated, logits, rows, vocab=vocab, chip=chip, without=absent | unasked)
    expected = reference.proxy_sample(logits, plain, vocab=vocab)
    assert torch.equal(got.tokens, expected.tokens)
    torch.testing.assert_close(got.logprobs, expected.logprobs, equal_nan=True)
    assert (got.logsumexp == 77).all() and got.finite.all(), "what is null is not written"


@CHIPS
def test_rows_of_minus_infinity_and_of_nothing_allowed_are_flagged(
    emulated: Path, chip: Chip
) -> None:
    vocab, logits, _ = random_batch(2, 600, 3)
    logits = [x.nan_to_num(0, 0, 0) for x in logits]
    logits[0][0, 599] = float("-inf")
    nothing = torch.zeros(2, (vocab + 31) // 32, dtype=torch.int32)
    nothing[0] = -1
    asked = SampleRows.plain(3, allowed=nothing, allowed_row=torch.tensor([0, 1, 0]).int())
    got = sample(emulated, logits, asked, vocab=vocab, chip=chip, **EVERYTHING)
    assert got.finite.tolist() == [False, False, True]
    assert_same(got, reference.proxy_sample(logits, asked, vocab=vocab, **EVERYTHING))


@pytest.mark.parametrize(
    ("without", "wanted"),
    [
        ({"tokens"}, "ParameterError: draws.tokens: got null"),
        ({"top_ids"}, "ParameterError: draws.top_ids, top_logprobs: got 1 null of 2"),
        ({"history_split"}, "ParameterError: rows.history, _start, _split, _end: got 1 null of 4"),
        ({"bias_ids"}, "ParameterError: rows.bias_ids, _start, _values: got 1 null of 3"),
        ({"allowed_row"}, "ParameterError: rows.allowed, allowed_row: got 1 null of 2"),
        ({"is_given"}, "ParameterError: rows.given, is_given: got 1 null of 2"),
    ],
)
def test_mistakes_are_refused(emulated: Path, without: set[str], wanted: str) -> None:
    vocab, logits, rows = random_batch(0, 64, 2)
    with pytest.raises(RefusedError, match=wanted):
        sample(emulated, logits, rows, vocab=vocab, without=frozenset(without), **EVERYTHING)


def test_logits_that_cannot_be_read_are_refused(emulated: Path) -> None:
    _, logits, rows = random_batch(0, 64, 2)
    with pytest.raises(RefusedError, match=r"LogitsError: base\.stride: got 66, want at least"):
        sample(emulated, [logits[0][:, :66].contiguous()], rows, vocab=67)
    with pytest.raises(RefusedError, match="ParameterError: vocabulary: got 0, want 1 to 4194304"):
        sample(emulated, logits, rows, vocab=0)
