"""Spreads and ratios, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.measure import Spread, percentile, ratios, times_faster


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
