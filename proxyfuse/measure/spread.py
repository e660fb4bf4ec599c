"""Several measurements of one thing, and of two things that were measured in turn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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
