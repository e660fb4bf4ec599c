"""Spreads and ratios, against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from proxyfuse.measure import (
    Spread,
    error_of_median,
    percentile,
    ratios,
    relative_error,
    times_faster,
)

DRAWS: dict[str, Callable[..., Any]] = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    "t2": lambda draw, shape: draw.standard_t(2, size=shape),
    "laplace": lambda draw, shape: draw.laplace(size=shape),
    "a sixth is six times as loud": lambda draw, shape: (
        draw.normal(size=shape) * np.where(draw.random(shape) < 1 / 6, 6, 1)
    ),
    "lognormal": lambda draw, shape: np.exp(draw.normal(size=shape)) - 1,
}


def test_a_spread_quotes_the_middle_and_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 7.0, 2.0]) == Spread(2.5, 1.0, 7.0)
    assert str(Spread.of([3.0, 1.0, 7.0])) == "3 (1 to 7)"


def test_ratios_are_of_pairs_and_not_of_medians() -> None:
    # Medians are 4 and 4; each pair is a fourfold difference, once each way, and an equal one.
    assert ratios([4.0, 16.0, 1.0], [4.0, 4.0, 4.0]) == Spread(1.0, 0.25, 4.0)
    assert times_faster({"slow": [6.0, 9.0], "mine": [2.0, 3.0]}, "mine") == {
        "slow": {"median": 3.0, "least": 3.0, "most": 3.0}
    }


def test_columns_of_different_runs_do_not_pair() -> None:
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_a_percentile_is_numpy_s_inverted_distribution(values: list[float], share: float) -> None:
    assert percentile(values, share) == np.quantile(values, share, method="inverted_cdf")


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("count", [4, 6, 9, 20])
def test_two_errors_hold_the_true_median_however_heavy_the_tails(kind: str, count: int) -> None:
    draws = DRAWS[kind](np.random.default_rng(count), (2000, count))
    medians = np.median(draws, axis=1)
    errors = np.array([error_of_median(list(row)) for row in draws])
    assert 0.90 < np.mean(abs(medians) <= 2 * errors) < 0.99
    assert 0.65 < np.mean(abs(medians) <= errors) < 0.85


@pytest.mark.parametrize("count", [2, 3, 4, 11, 30])
def test_an_error_is_maritz_s_and_jarrett_s(count: int) -> None:
    values = sorted(np.random.default_rng(1).normal(size=count))
    half = (count + 1) / 2
    weights = np.diff(beta.cdf(np.arange(count + 1) / count, half, half))
    wanted = np.sqrt(weights @ np.square(values) - (weights @ values) ** 2)
    assert error_of_median(values) == pytest.approx(wanted, rel=2e-3)


def test_an_error_of_one_value_is_not_known_and_one_of_equals_is_none() -> None:
    assert error_of_median([3.0]) == math.inf and error_of_median([3.0] * 4) < 1e-15


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=20), st.floats(0.1, 10))
def test_an_error_is_blind_to_how_large_ratios_are(values: list[float], times: float) -> None:
    scaled = relative_error([times * value for value in values])
    assert scaled == pytest.approx(relative_error(values), abs=1e-6)
    turned = relative_error([1 / value for value in values])
    assert turned == pytest.approx(relative_error(values), abs=1e-6)
