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
    costs.observe(4, "a", 0, 7.0)
    assert costs.of(4, "a") == pytest.approx((7, 0.7))
    assert costs.of(4, "b") == pytest.approx((7, 3.5))
    assert costs.of(1, "a") == (1.0, 0.1) and costs.of(9, "a") == (1.0, 0.1)
    assert (costs.plain_steps(4), costs.plain_steps(2)) == (1, 0)
    costs.observe(4, "a", 2, 70.0)
    assert costs.of(4, "a")[1] > 1 and costs.of(4, "b")[1] == pytest.approx(3.5)
    assert costs.plain_steps(4) == 1


def test_batches_are_told_apart_one_by_one_and_then_by_quarters_of_a_power_of_two() -> None:
    assert [bucket(n) for n in range(10)] == [1, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    assert [bucket(n) for n in (16, 17, 20, 21, 33, 256)] == [16, 20, 20, 24, 40, 256]
    assert all(n <= bucket(n) <= 1.25 * n for n in range(1, 600))


def test_a_new_size_begins_with_what_its_neighbour_knows_and_goes_its_own_way() -> None:
    costs = Costs({"a": 0.1})
    for _ in range(20):
        costs.observe(3, "a", 0, 7.0)
        costs.observe(3, "a", 2, 9.0)
    known = costs.of(3, "a")
    assert costs.of(4, "a") == known
    assert costs.of(6, "a") == known, "4 is known by now, if only from 3"
    assert costs.of(16, "a") == (1.0, 0.1)
    for _ in range(20):
        costs.observe(4, "a", 2, 20.0)
    assert costs.of(3, "a") == known != costs.of(4, "a")


def test_seldom_steps_without_drafts_are_not_forgotten_over_those_with() -> None:
    """Else the latest of them alone would decide the slope, whatever kept the machine then."""
    plains = []
    for seed in range(20):
        rng, line = random.Random(seed), Line(0.5)
        for round_ in range(30):
            line.add(0, 1 + abs(rng.gauss(0, 0.1)))
            for step in range(94):
                line.add(2, 2 + abs(rng.gauss(0, 0.1)))
                if round_ > 5 and step % 10 == 0:
                    plains.append(line.fit()[0])
    assert min(plains) > 1 and max(plains) < 1.12


def test_a_number_of_drafts_that_is_dearer_than_its_neighbours_is_known_for_it() -> None:
    costs = Costs({Role.EXPERT: 0.2})
    for _ in range(60):
        costs.observe(1, Role.EXPERT, 0, 1.0)
        for drafts in (2, 4, 5):
            costs.observe(1, Role.EXPERT, drafts, 1 + 0.2 * drafts)
        costs.observe(1, Role.EXPERT, 6, 3.0)
    bent = costs.bent(1, Role.EXPERT)
    assert bent[6] > 1.1 * max(bent[2], bent[4], bent[5]) and bent[6] > 1.1
