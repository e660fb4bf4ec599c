"""Several measurements of one thing, and of two things that were measured in turn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

STEPS = 16  # of the integral over one value's share


@dataclass(frozen=True)
class Spread:
    """The middle of several measurements, with the extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.least:.3g} to {self.most:.3g})"


def error_of_median(values: Sequence[float]) -> float:
    """The standard error of the median of at least one value, whatever they are spread like.

    How likely the k-th of n values is to be the middle of n drawn from them is what a beta
    distribution has between (k - 1)/n and k/n. The error is the deviation over those weights
    (Maritz and Jarrett, 1978). Of one value nothing is known: infinite.
    """
    count = len(values)
    if count < 2:
        return math.inf
    weighed = list(zip(_weights(count), sorted(values), strict=True))
    mean = sum(weight * value for weight, value in weighed)
    return math.sqrt(sum(weight * (value - mean) ** 2 for weight, value in weighed))


@cache
def _weights(count: int) -> list[float]:
    """Of each value in order of size; their sum is 1."""
    places = [(at + 0.5) / (STEPS * count) for at in range(STEPS * count)]
    density = [(place * (1 - place)) ** ((count - 1) / 2) for place in places]
    total = sum(density)
    return [sum(density[at * STEPS : (at + 1) * STEPS]) / total for at in range(count)]


def relative_error(values: Sequence[float]) -> float:
    """The standard error of the logarithm of a median of ratios: 0.02 is 2 % either way."""
    return error_of_median([math.log(value) for value in values])


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of at least one value do not exceed; 0.99 is the p99."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """How many times faster, pair by pair."""
    return Spread.of([a / b for a, b in zip(slow, fast, strict=True)])


def times_faster(columns: Mapping[str, Sequence[float]], mine: str) -> dict[str, dict[str, float]]:
    """How many times faster `mine` is than each other column, pair by pair."""
    others = {way: column for way, column in columns.items() if way != mine}
    return {way: vars(ratios(column, columns[mine])) for way, column in others.items()}
