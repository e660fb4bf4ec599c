"""One measured row: a figure for each way of writing, and how much of the gap steering closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Literal

Way = Literal["base", "expert", "proxied", "tuned"]
WAYS: tuple[Way, ...] = ("base", "expert", "proxied", "tuned")

NOT_TAUGHT = "not what the tuned models were taught: what steering costs, not a gap to close"
NO_GAIN = "direct tuning gains nothing clear over the base here: there is no gap to close"
NO_YARDSTICK = "direct tuning has less than half of the small expert's gain here: no yardstick"


@dataclass(frozen=True)
class Figure:
    """What was measured of each way of writing, item by item; all ways saw the same items."""

    name: str
    alpha: float | None  # of the proxied way
    unit: Literal["share right", "nats/token"]
    items: Mapping[Way, Sequence[float]]
    taught: bool = True  # whether it is what the expert and the tuned model were tuned for

    def mean(self, way: Way) -> float:
        return fmean(self.items[way])

    def gain(self, way: Way) -> float:
        """By how much a way is better than the base; negative where it is worse."""
        return fmean(self._gains(way))

    @property
    def no_gap(self) -> str | None:
        """Why the share of the gap says nothing here, or None where it does.

        The tuned model must beat the base by two standard errors of the paired differences.
        """
        if not self.taught:
            return NOT_TAUGHT
        gains = self._gains("tuned")
        error = stdev(gains) / sqrt(len(gains)) if len(gains) > 1 else 0.0
        if fmean(gains) <= 2 * error:
            return NO_GAIN
        return NO_YARDSTICK if 2 * fmean(gains) < self.gain("expert") else None

    @property
    def gap_closed(self) -> float | None:
        """(proxied - base) / (tuned - base), or None where `no_gap` says why not."""
        return None if self.no_gap else self.gain("proxied") / self.gain("tuned")

    def record(self) -> dict[str, object]:
        """The row as plain data."""
        return {
            "name": self.name,
            "unit": self.unit,
            "alpha": self.alpha,
            "items": len(self.items["base"]),
            **{way: self.mean(way) for way in WAYS},
            "gap_closed": self.gap_closed,
            "no_gap": self.no_gap,
        }

    def _gains(self, way: Way) -> list[float]:
        sign = 1 if self.unit == "share right" else -1
        pairs = zip(self.items[way], self.items["base"], strict=True)
        return [sign * (value - base) for value, base in pairs]
