"""A race is in doubt by its least certain ratio, in the state that a round can do something for."""

from __future__ import annotations

import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.engine.doubt import FEW, SURE, doubts
from bench.engine.reads import BUSY, NARROW, WIDE, Pairs
from proxyfuse.measure import relative_error

CALM, LOUD = [2.0, 2.01, 2.0, 1.99, 2.0, 2.02], [2.0, 3.0, 1.5, 2.5, 2.1, 1.7]


def pairs(**its: list[float]) -> Pairs:
    """Ratios, state by state."""
    names = {"one": NARROW, "more": WIDE, "busy": BUSY}
    states = [(names[key],) * 2 for key, values in its.items() for _ in values]
    return Pairs([value for values in its.values() for value in values], states)


def test_the_worst_ratio_counts_and_what_is_certain_is_none() -> None:
    calm, loud = pairs(one=CALM), pairs(one=LOUD)
    assert relative_error(CALM) < SURE < relative_error(LOUD)
    assert doubts([calm], NARROW) == (0.0, 0.0)
    assert doubts([calm, loud, calm], NARROW) == (relative_error(LOUD), 0.0)


def test_the_state_of_the_machine_comes_first_and_any_other_that_is_quoted_then() -> None:
    race = [pairs(one=CALM, more=LOUD), pairs(one=LOUD)]
    assert doubts(race, NARROW) == (relative_error(LOUD), relative_error(LOUD))
    assert doubts(race[:1], NARROW) == (0.0, relative_error(LOUD))
    assert doubts(race, WIDE)[0] == math.inf, "a rival has no pair there"
    few = pairs(one=CALM, more=LOUD[: FEW - 1])
    assert doubts([few], NARROW) == (0.0, 0.0), "too few to wait for more"
    assert doubts([few], WIDE) == (math.inf, 0.0)
    assert doubts([pairs(busy=CALM)], NARROW) == (math.inf, 0.0), "of no state"


def test_few_pairs_that_agree_settle_nothing() -> None:
    assert doubts([pairs(one=[2.0] * (FEW - 1))], NARROW) == (math.inf, 0.0)
    assert doubts([pairs(one=[2.0] * FEW)], NARROW) == (0.0, 0.0)


@pytest.mark.parametrize("tails", [3, 30])
def test_who_stops_when_sure_is_nearly_as_sure_as_that(tails: int) -> None:
    """Rounds until a ratio is settled: how far its median is from the truth, in many benches."""
    draw, left, covered = np.random.default_rng(tails), [], 0
    for _ in range(300):
        values = list(np.exp(0.06 * draw.standard_t(tails, size=FEW)))
        while doubts([pairs(one=values)], NARROW)[0]:
            values.append(float(np.exp(0.06 * draw.standard_t(tails))))
        left.append(math.log(median(values)))
        covered += abs(left[-1]) <= 2 * relative_error(values)
    assert math.sqrt(np.mean(np.square(left))) < 1.25 * SURE
    assert covered > 0.88 * len(left)
    assert abs(np.mean(left)) < 0.25 * SURE, "stopping by spread leans nowhere"


def test_without_a_rival_only_time_ends_the_rounds() -> None:
    assert doubts([], NARROW) == (math.inf, 0.0)


@given(st.lists(st.floats(0.5, 2.0), min_size=FEW, max_size=12), st.floats(0.1, 10.0))
def test_who_is_faster_decides_nothing(values: list[float], times: float) -> None:
    found = doubts([pairs(one=values)], NARROW)
    for other in ([times * value for value in values], [1 / value for value in values]):
        moved = doubts([pairs(one=other)], NARROW)
        assert moved == pytest.approx(found, abs=1e-6) or abs(relative_error(values) - SURE) < 1e-6
