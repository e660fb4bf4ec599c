"""What a device does with lengths that the host does not know yet, against a loop in words."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from proxyfuse_kernels.reference import ReferenceOps

OPS = ReferenceOps()


def ints(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int32)


@st.composite
def samples(draw: st.DrawFn) -> list[tuple[list[int], list[int]]]:
    """For each sample what its rows read and drew, of an alphabet so small that drafts hold."""
    token = st.integers(0, 2)
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    return [([draw(token) for _ in range(n)], [draw(token) for _ in range(n)]) for n in sizes]


@given(samples(), st.randoms(use_true_random=False))
def test_a_draft_holds_while_each_before_it_does(given_samples, rng) -> None:
    rows = [(n, j) for n, (read, _) in enumerate(given_samples) for j in range(len(read))]
    rng.shuffle(rows)
    entries = torch.full((len(given_samples) + 1, 5), rng.randrange(len(rows)), dtype=torch.int32)
    for at, (n, j) in enumerate(rows):
        entries[n, j] = at
    order = list(range(len(rows)))
    rng.shuffle(order)
    ids = torch.zeros(len(rows), dtype=torch.int32)
    for at, (n, j) in enumerate(rows):
        ids[order[at]] = given_samples[n][0][j]
    tokens = ints(*(given_samples[n][1][j] for n, j in rows))
    counts = ints(*(len(read) for read, _ in given_samples), 1)
    slack, last = ints(*[-1] * len(counts)), ints(*[-1] * len(counts))
    OPS.accept(tokens, ids, ints(*order), entries, counts, slack, last)
    for n, (read, drew) in enumerate(given_samples):
        kept = 1
        while kept < len(read) and drew[kept - 1] == read[kept]:
            kept += 1
        assert (slack[n], last[n]) == (len(read) - kept, drew[kept - 1])
    assert slack[-1] == 0, "a sample that is none has one row"


@pytest.mark.parametrize("size", [1, 3, 16])
def test_positions_are_taken_back_and_found_again(size: int) -> None:
    positions, source = ints(40, 41, 7, 0), ints(1, 1, 0, 2)
    OPS.retract(positions, source, ints(5, 3, 0))
    assert positions.tolist() == [37, 38, 2, 0]
    lanes, slots = ints(2, 2, 0, 1), ints(-1, -1, -1, -1)
    table = torch.randperm(3 * 64, dtype=torch.int32).view(3, 64)
    OPS.locate(positions, lanes, table, size, slots)
    for position, lane, slot in zip(positions, lanes, slots, strict=True):
        assert slot == table[lane, position // size] * size + position % size


@pytest.mark.parametrize("count", [1, 3, 16])
def test_rows_that_lie_apart_are_put_side_by_side(count: int) -> None:
    words = torch.randperm(200, dtype=torch.int32)
    starts, shifts = ((0, 40), (90, 130)), ((0, 0), (0, 1000))
    joined = torch.full((2, 50), -1, dtype=torch.int32)
    index = torch.tensor(starts)[..., None] + torch.arange(count)
    out = joined[:, : 2 * count].unflatten(1, (2, count))
    OPS.join(words, index, torch.tensor(shifts, dtype=torch.int32)[..., None], out)
    for row, begins, more in zip(joined, starts, shifts, strict=True):
        pairs = zip(begins, more, strict=True)
        wanted = [words[begin + t] + by for begin, by in pairs for t in range(count)]
        assert row[: 2 * count].tolist() == wanted and (row[2 * count :] == -1).all()
