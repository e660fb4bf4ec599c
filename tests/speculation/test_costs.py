"""What a step takes, learned from noisy steps of a machine that is known."""

from __future__ import annotations

import random

import pytest

from proxyfuse.speculation.costs import Costs, Line, bucket
from proxyfuse.trio import Role


@pytest.mark.parametrize(("plain", "each"), [(100.0, 3.0), (1e-4, 3e-5), (2.0, 2.0)])
@pytest.mark.parametrize("slope", [0.03, 0.3, 3.0])
def test_a_line_is_found_whatever_was_believed(plain: float, each: float, slope: float) -> None:
    rng, line = random.Random(0), Line(slope)
    for step in range(400):
        drafts = rng.choice([0, 2, 4, 8])
        slow = 20 if step % 50 == 7 else 1  # the machine had something else to do
        line.add(drafts, (plain + each * drafts) * rng.lognormvariate(0, 0.02) * slow)
    found = line.fit()
    assert found[0] + 4 * found[1] == pytest.approx(plain + 4 * each, rel=0.15)
    assert found[1] == pytest.approx(each, rel=0.5, abs=0.02 * plain)


def test_before_anything_was_measured_the_belief_is_the_line() -> None:
    assert Line(0.2).fit() == (1.0, 0.2)
    line = Line(0.2)
    line.add(0, 50.0)
    assert line.fit() == (pytest.approx(50), pytest.approx(10))


@pytest.mark.parametrize("seconds", [(9.0, 1.0), (1.0, 1.0)])
def test_noise_never_makes_a_draft_free(seconds: tuple[float, float]) -> None:
    line = Line(0.1)
    for _ in range(200):
        line.add(0, seconds[0])
        line.add(8, seconds[1])
    plain, each = line.fit()
    assert plain > 0 and each > 0


def test_steps_without_drafts_count_for_every_source_of_their_batch_size() -> None:
    costs = Costs({"a": 0.1, "b": 0.5})
    costs.observe(3, "a", 0, 7.0)
    assert costs.of(4, "a") == pytest.approx((7, 0.7))
    assert costs.of(4, "b") == pytest.approx((7, 3.5))
    assert costs.of(1, "a") == (1.0, 0.1) and costs.of(5, "a") == (1.0, 0.1)
    assert (costs.plain_steps(4), costs.plain_steps(2)) == (1, 0)
    costs.observe(4, "a", 2, 70.0)
    assert costs.of(3, "a")[1] > 1 and costs.of(3, "b")[1] == pytest.approx(3.5)
    assert costs.plain_steps(4) == 1


def test_batches_are_told_apart_by_powers_of_two() -> None:
    assert [bucket(n) for n in (0, 1, 2, 3, 4, 5, 8, 9)] == [1, 1, 2, 4, 4, 8, 8, 16]


def test_a_number_of_drafts_that_is_dearer_than_its_neighbours_is_known_for_it() -> None:
    costs = Costs({Role.EXPERT: 0.2})
    for _ in range(60):
        costs.observe(1, Role.EXPERT, 0, 1.0)
        for drafts in (2, 4, 5):
            costs.observe(1, Role.EXPERT, drafts, 1 + 0.2 * drafts)
        costs.observe(1, Role.EXPERT, 6, 3.0)
    bent = costs.bent(1, Role.EXPERT)
    assert bent[6] > 1.1 * max(bent[2], bent[4], bent[5]) and bent[6] > 1.1
