"""Tapes in their order, as far as drafts are believed."""

from __future__ import annotations

import gc
from math import exp, inf, log1p, nan
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from proxyfuse_kernels.cpu import CpuOps, Reel, Tape

cpu = pytest.importorskip("proxyfuse_kernels._cpu")


class Trace:
    """Tapes that write down what ran: each moves the log one place on and leaves its number."""

    def __init__(self) -> None:
        self.log = torch.zeros(1, 64)

    def note(self, number: int) -> Tape:
        """log = [number, log[:-1]]: a product with a matrix that shifts, and a number to add."""
        tape, size = Tape(), self.log.shape[1]
        shifted, first = torch.zeros(1, size), torch.zeros(size)
        first[0] = number
        CpuOps(tape).linear(self.log, torch.eye(size).roll(1, 0).tril(), first, shifted)
        CpuOps(tape).linear(shifted, torch.eye(size), None, self.log)
        return tape

    def ran(self) -> list[int]:
        found = [int(number) for number in self.log[0].flip(0) if number]
        self.log.zero_()
        return found


def reel_of(trace: Trace, margins: list[Tensor]) -> Reel:
    """first 1, 2; draft j is drawn by 10 + j and fed by 20 + j, 30 + j; verified by 40 + fed."""
    drafts = [
        ([trace.note(10 + j)], [trace.note(20 + j), trace.note(30 + j)], values)
        for j, values in enumerate(margins)
    ]
    verify = [[trace.note(40 + fed)] for fed in range(len(margins) + 1)]
    return Reel([trace.note(1), Tape(), trace.note(2)], drafts, verify)


def expected(drafts: int, fed: int) -> list[int]:
    parts = [number for j in range(fed) for number in (10 + j, 20 + j, 30 + j)]
    return [1, 2, *parts, *([10 + fed] if fed < drafts else []), 40 + fed]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("drafts", [0, 1, 3])
def test_everything_runs_in_order(teams: dict[int, Any], threads: int, drafts: int) -> None:
    trace = Trace()
    reel = reel_of(trace, [torch.tensor([1.0, inf])] * drafts)
    for _ in range(3):
        assert reel.run(teams[threads]) == drafts
        assert trace.ran() == expected(drafts, drafts)


def believed(margins: list[list[float]], least: float, steepness: float) -> int:
    """How many are fed: the first, and on while any row's drafts may still hold together."""
    sums = [0.0] * len(margins[0])
    for fed, values in enumerate(margins):
        for row, value in enumerate(values):
            sums[row] -= log1p(exp(-steepness * value))
        likely = [not one < least - 1e-4 for one in sums[: len(values)]]
        assert not any(abs(one - least) < 1e-4 for one in sums)
        if fed and not any(likely):
            return fed
    return len(margins)


VALUES = st.sampled_from([0.0, 0.011, 0.3, 1.7, 40.0, inf, nan])
COUNTS = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(
    counts=COUNTS.map(lambda counts: sorted(counts, reverse=True)),
    least=st.sampled_from([-inf, -30.012, -2.013, -0.417, -0.001, 0.5, inf]),
    steepness=st.sampled_from([1.0, 0.31, 5.0]),
    threads=st.sampled_from([1, 3]),
    data=st.data(),
)
def test_drafting_ends_where_nobody_would_believe_the_next(
    teams: dict[int, Any],
    counts: list[int],
    least: float,
    steepness: float,
    threads: int,
    data: st.DataObject,
) -> None:
    """NaN goes on: the verification says what is wrong with it."""
    margins = [data.draw(st.lists(VALUES, min_size=n, max_size=n)) for n in counts]
    trace = Trace()
    reel = reel_of(trace, [torch.tensor(values) for values in margins])
    fed = reel.run(teams[threads], least, steepness)
    assert fed == believed(margins, least, steepness)
    assert trace.ran() == expected(len(counts), fed)
    assert reel.run(teams[threads]) == len(counts), "nothing is left of the last run"


def test_margins_are_read_when_it_runs(teams: dict[int, Any]) -> None:
    values = [torch.full((2,), 9.0) for _ in range(3)]
    reel = reel_of(Trace(), values)
    assert reel.run(teams[2], -0.5) == 3
    values[1].fill_(0.1)
    assert reel.run(teams[2], -0.5) == 1
    values[1][1] = 9.0
    assert reel.run(teams[2], -0.5) == 3


def test_wrong_counts_are_refused() -> None:
    tape, draft = Tape(), ([], [], torch.zeros(2))
    for verify in ([], [[tape]], [[tape]] * 3):
        with pytest.raises(ValueError, match=f"got {len(verify)} ways for 1 drafts"):
            Reel([], [draft], verify)
    with pytest.raises(ValueError, match="no more rows than the one before"):
        Reel([], [draft, ([], [], torch.zeros(3))], [[]] * 3)


def test_it_keeps_what_it_plays(teams: dict[int, Any]) -> None:
    trace = Trace()
    reel = reel_of(trace, [torch.tensor([2.0]), torch.tensor([2.0])])
    gc.collect()
    junk = [torch.full((64,), 0.0) for _ in range(100)]
    assert reel.run(teams[2], -0.5) == 2 and trace.ran() == expected(2, 2)
    del junk
