"""What a step takes with drafts and without, learned from the steps themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from typing import Generic, TypeVar

KEPT = 0.98  # of what was measured, at each step: the last fifty or so count
LATE = 0.2  # weight of a step that took longer than expected: the machine had something else to do
NEW = 3  # steps with drafts, the first of a line, that are believed, late or not
LATEST = 1.5  # of what was expected: longer is not believed
EARLY = 0.5  # of what was expected: shorter, and what was believed is as good as forgotten
FORGOTTEN = 0.1
BENT = (0.25, 0.05)  # weight of a step that took less than its number of drafts did so far, or more
PRIOR = (0.2, 2)  # steps that the prior slope is worth: so many without drafts and with two

S = TypeVar("S")


@dataclass(slots=True)
class Line:
    """Seconds = plain + drafts * each, by least squares over the latest steps and a prior slope.

    `bent`: what steps of so many drafts take, in shares of what the line says: kernels have borders
    at which one more row is dear.

    The noise of a shared machine only adds, so that late steps count less than early ones.
    """

    slope: float  # `each` over `plain`, as believed
    steps: float = 0.0
    drafts: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    products: float = 0.0
    drafted: int = 0  # steps with drafts
    bent: dict[int, float] = field(default_factory=dict)

    def add(self, drafts: float, seconds: float) -> None:
        """One more step."""
        weight, kept = 1.0, KEPT
        if self.steps:
            plain, each = self.fit()
            expected = plain + drafts * each
            if drafts:
                self._bend(round(drafts), min(seconds / expected, LATEST))
            if seconds < EARLY * expected:
                kept = FORGOTTEN
            elif seconds > expected and (not drafts or self.drafted >= NEW):
                weight, seconds = LATE, min(seconds, LATEST * expected)
        self.drafted += drafts > 0
        self.steps = kept * self.steps + weight
        self.drafts = kept * self.drafts + weight * drafts
        self.squares = kept * self.squares + weight * drafts * drafts
        self.seconds = kept * self.seconds + weight * seconds
        self.products = kept * self.products + weight * drafts * seconds

    def _bend(self, drafts: int, share: float) -> None:
        so_far = self.bent.get(drafts, 1.0)
        less, more = BENT
        self.bent[drafts] = so_far + (less if share < so_far else more) * (share - so_far)

    def fit(self) -> tuple[float, float]:
        """(plain, each), neither nothing nor less; (1, slope) before the first step."""
        if not self.steps:
            return 1.0, self.slope
        prior = self.seconds / (self.steps + self.slope * self.drafts)
        worth, drafts = PRIOR
        far = prior * (1 + drafts * self.slope)
        n, d = self.steps + 2 * worth, self.drafts + worth * drafts
        dd, dt = self.squares + worth * drafts**2, self.products + worth * drafts * far
        t = self.seconds + worth * (prior + far)
        each = max((n * dt - d * t) / (n * dd - d * d), prior * self.slope / 8)
        return max((t - d * each) / n, prior / 8), each


@dataclass(slots=True)
class Measured(Generic[S]):
    """Steps that gave tokens to about as many sequences."""

    lines: Mapping[S, Line]
    plain: int = 0  # of these, how many had no drafts
    furthest: int = 0  # the most drafts of each sequence


class Costs(Generic[S]):
    """The time of steps that give tokens to so many sequences, with drafts from a source.

    `slopes` are what a draft of each source is believed to take, in steps without drafts.
    """

    def __init__(self, slopes: Mapping[S, float]) -> None:
        self._slopes = slopes
        self._measured: dict[int, Measured[S]] = {}

    def observe(self, sequences: int, source: S, drafts: float, seconds: float) -> None:
        """A step that verified so many drafts of each sequence took so long."""
        here = self._at(sequences)
        if drafts:
            here.lines[source].add(drafts, seconds)
            here.furthest = max(here.furthest, ceil(drafts))
            return
        here.plain += 1
        for line in here.lines.values():
            line.add(0, seconds)

    def of(self, sequences: int, source: S) -> tuple[float, float]:
        """(plain, each) in seconds; in steps without drafts where nothing was measured."""
        return self._at(sequences).lines[source].fit()

    def news(self, sequences: int, source: S) -> int:
        """How many of the first steps with drafts were measured."""
        return min(self._at(sequences).lines[source].drafted, NEW)

    def plain_steps(self, sequences: int) -> int:
        """Steps without drafts that were measured."""
        return self._at(sequences).plain

    def bent(self, sequences: int, source: S) -> Mapping[int, float]:
        """By drafts of each sequence: what a step takes, in shares of what the line says."""
        return self._at(sequences).lines[source].bent

    def furthest(self, sequences: int) -> int:
        """The most drafts of each sequence that were measured."""
        return self._at(sequences).furthest

    def _at(self, sequences: int) -> Measured[S]:
        size = bucket(sequences)
        if size not in self._measured:
            lines = {source: Line(slope) for source, slope in self._slopes.items()}
            self._measured[size] = Measured(lines)
        return self._measured[size]


@cache
def bucket(sequences: int) -> int:
    """1, 2, 4, 8, ...: the power of two at or above."""
    return 1 << max(sequences - 1, 0).bit_length()
