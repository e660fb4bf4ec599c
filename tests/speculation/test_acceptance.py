"""Rates that drafts hold at, as they are measured, against what they were drawn from."""

from __future__ import annotations

import random

import pytest

from proxyfuse.speculation.acceptance import TRUST, Acceptance, expected


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
    assert acceptance.rate == pytest.approx(0.7) and acceptance.doubt == TRUST
    for _ in range(60):
        acceptance.observe(4, 0)
    assert acceptance.rate < 0.08
    for _ in range(60):
        acceptance.observe(4, 4)
    assert acceptance.rate > 0.95


def test_a_drafter_that_fears_too_much_is_doubted_less() -> None:
    """It expects to fail half of the time, and fails a tenth of it."""
    rng, right, fearful = random.Random(0), Acceptance(0.9), Acceptance(0.9)
    for _ in range(2000):
        count = held(rng, 0.9, 4)
        decided = count + (count < 4)
        right.observe(4, count, 0.1 * decided)
        fearful.observe(4, count, 0.5 * decided)
    assert 0.4 < right.doubt <= 1
    assert 0 < fearful.doubt < 0.6 * right.doubt


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.97, 1.0])
@pytest.mark.parametrize("drafts", [0, 1, 5])
def test_expected_is_the_sum_over_what_may_hold(rate: float, drafts: int) -> None:
    assert expected(rate, drafts) == pytest.approx(sum(rate**n for n in range(drafts + 1)))
