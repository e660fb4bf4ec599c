"""Rates that drafts hold at, as they are measured, against what they were drawn from."""

from __future__ import annotations

import random
from math import exp, inf, isfinite, log, nan
from statistics import fmean

import pytest

from proxyfuse.speculation.acceptance import ENGINE, SEQUENCE, STEEP, Acceptance, expected


def held(rng: random.Random, rate: float, drafts: int) -> int:
    count = 0
    while count < drafts and rng.random() < rate:
        count += 1
    return count


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("drafts", [1, 4, 16])
def test_the_rate_is_that_of_the_drafts_whatever_their_number(rate: float, drafts: int) -> None:
    rng, rates = random.Random(drafts), []
    acceptance = Acceptance(0.5)
    for _ in range(2000):
        acceptance.observe(drafts, held(rng, rate, drafts))
        rates.append(acceptance.rate)
    assert sum(rates[100:]) / len(rates[100:]) == pytest.approx(rate, abs=0.06)


def test_the_prior_is_all_there_is_at_first_and_soon_forgotten() -> None:
    acceptance = Acceptance(0.7)
    assert acceptance.rate == pytest.approx(0.7) and acceptance.steepness == STEEP
    for _ in range(60):
        acceptance.observe(4, 0)
    assert acceptance.rate < 0.08
    for _ in range(60):
        acceptance.observe(4, 4)
    assert acceptance.rate > 0.95


def drafted(rng: random.Random, steepness: float, most: int) -> tuple[int, list[float]]:
    """How many of `most` drafts hold, and the margins of these and of the next."""
    margins: list[float] = []
    while len(margins) < most:
        margins.append(rng.expovariate(0.8))
        if rng.random() > 1 / (1 + exp(-steepness * margins[-1])):
            return len(margins) - 1, margins
    return most, margins


@pytest.mark.parametrize("steepness", [0.3, 1.0, 3.5, 10.0])
@pytest.mark.parametrize(("kept", "near"), [(ENGINE, 1.5), (SEQUENCE, 2.2)])
def test_the_steepness_is_that_of_the_drafts(steepness: float, kept: float, near: float) -> None:
    rng, acceptance = random.Random(0), Acceptance(0.9, kept=kept)
    logs = []
    for step in range(600):
        held, margins = drafted(rng, steepness, 4)
        acceptance.observe(4, held, margins)
        if step >= 100:
            logs.append(log(acceptance.steepness))
    assert fmean(logs) == pytest.approx(log(steepness), abs=log(near) / 2)
    assert max(abs(one - log(steepness)) for one in logs) < 2 * log(near)


def test_who_stops_in_time_still_fails_as_often_as_it_would() -> None:
    """Drafts that led by little are not verified: they count by their chance."""
    rng, all_fed, careful = random.Random(1), Acceptance(0.5), Acceptance(0.5)
    rates = []
    for _ in range(3000):
        held, margins = drafted(rng, 2.0, 6)
        all_fed.observe(6, held, margins)
        fed = next((at for at, one in enumerate(margins) if one < 0.4 and at), len(margins))
        careful.observe(fed, min(held, fed), margins[: fed + 1])
        rates.append((all_fed.rate, careful.rate))
    whole, stopped = (fmean(column) for column in zip(*rates[100:], strict=True))
    assert stopped == pytest.approx(whole, abs=0.03)


def test_margins_without_end_and_none_at_all() -> None:
    acceptance = Acceptance(0.5)
    for margins in ((inf, inf), (nan, nan), (0.0, 0.0), (1e30, 5.0), ()):
        for held in (0, 1, 2):
            acceptance.observe(2, held, margins[: held + 1])
            assert isfinite(acceptance.steepness) and acceptance.steepness > 0
            assert 0 <= acceptance.rate <= 1


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.97, 1.0])
@pytest.mark.parametrize("drafts", [0, 1, 5])
def test_expected_is_the_sum_over_what_may_hold(rate: float, drafts: int) -> None:
    assert expected(rate, drafts) == pytest.approx(sum(rate**n for n in range(drafts + 1)))
