"""What a step takes with drafts and without, learned from the steps themselves."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from math import ceil, log
from typing import Generic, TypeVar

KEPT = 0.98  # of what was measured, at each step with drafts: the last fifty or so count
PLAIN_KEPT = 0.9  # and at each without, which are seldom: the last ten
LATE = 0.2  # weight of a step that took longer than expected: the machine had something else to do
NEW = 3  # steps with drafts, the first of a line, that are believed, late or not
LATEST = 1.5  # of what was expected: longer is not believed
EARLY = 0.5  # of what was expected: shorter, and what was believed is as good as forgotten
FORGOTTEN = 0.1
BENT = (0.25, 0.05)  # weight of a step that took less than its number of drafts did so far, or more
NEAR = 1.5  # times as many sequences, or as few: their steps are a beginning
FREE = 128  # of the prior slope a draft costs at least one part in so many: noise makes none free
PRIOR = (0.2, 2)  # steps that the prior slope is worth: so many with two drafts

S = TypeVar("S")


@dataclass(slots=True)
class Sums:
    """Of steps, by which a line is fitted to them."""

    steps: float = 0.0
    drafts: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    products: float = 0.0

    def add(self, kept: float, weight: float, drafts: float, seconds: float) -> None:
        """One more step, after all others have lost some of their weight."""
        self.steps = kept * self.steps + weight
        self.drafts = kept * self.drafts + weight * drafts
        self.squares = kept * self.squares + weight * drafts * drafts
        self.seconds = kept * self.seconds + weight * seconds
        self.products = kept * self.products + weight * drafts * seconds


@dataclass(slots=True)
class Line:
    """Seconds = plain + drafts * each: the mean of steps without, and a slope from there.

    `bent`: what steps of so many drafts take, in shares of what the line says: kernels have borders
    at which one more row is dear.

    The noise of a shared machine only adds, so that late steps count less than early ones.
    """

    slope: float  # `each` over `plain`, as believed
    plain: Sums = field(default_factory=Sums)
    drafting: Sums = field(default_factory=Sums)
    drafted: int = 0  # steps with drafts
    bent: dict[int, float] = field(default_factory=dict)

    def add(self, drafts: float, seconds: float) -> None:
        """One more step."""
        weight, kept = 1.0, KEPT if drafts else PLAIN_KEPT
        if self.plain.steps or self.drafted:
            plain, each = self.fit()
            expected = plain + drafts * each
            if drafts == int(drafts) > 0:
                self._bend(int(drafts), min(seconds / expected, LATEST))
            if seconds < EARLY * expected:
                kept = FORGOTTEN
            elif seconds > expected and (not drafts or self.drafted >= NEW):
                weight, seconds = LATE, min(seconds, LATEST * expected)
        self.drafted += drafts > 0
        (self.drafting if drafts else self.plain).add(kept, weight, drafts, seconds)

    def _bend(self, drafts: int, share: float) -> None:
        so_far = self.bent.get(drafts, 1.0)
        less, more = BENT
        self.bent[drafts] = so_far + (less if share < so_far else more) * (share - so_far)

    def fit(self) -> tuple[float, float]:
        """(plain, each), neither nothing nor less; (1, slope) before the first step.

        The line begins where steps without drafts are, once there were some: of the others only the
        slope is asked, and what they take that is no line (`bent`) cannot move that point.
        """
        seen, alone = self.drafting, self.plain
        if alone.steps:
            plain = alone.seconds / alone.steps
        elif seen.steps:
            plain = seen.seconds / (seen.steps + self.slope * seen.drafts)
        else:
            return 1.0, self.slope
        worth, drafts = PRIOR
        above = seen.products - plain * seen.drafts + worth * drafts * (drafts * self.slope * plain)
        each = above / (seen.squares + worth * drafts**2)
        return plain, max(each, plain * self.slope / FREE)


@dataclass(slots=True)
class Measured(Generic[S]):
    """Steps that gave tokens to about as many sequences."""

    lines: Mapping[S, Line]
    plain: int = 0  # of these, how many had no drafts


class Costs(Generic[S]):
    """The time of steps that give tokens to so many sequences, with drafts from a source.

    `slopes` are what a draft of each source is believed to take, in steps without drafts.
    """

    def __init__(self, slopes: Mapping[S, float]) -> None:
        self._slopes = slopes
        self._measured: dict[int, Measured[S]] = {}
        self.steps = 0  # that were measured

    def observe(self, sequences: int, source: S, drafts: float, seconds: float) -> None:
        """A step that verified so many drafts of each sequence took so long."""
        self.steps += 1
        here = self._at(sequences)
        if drafts:
            here.lines[source].add(drafts, seconds)
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

    def _at(self, sequences: int) -> Measured[S]:
        size = bucket(sequences)
        if size not in self._measured:
            self._measured[size] = self._like(size) or Measured(
                {source: Line(slope) for source, slope in self._slopes.items()}
            )
        return self._measured[size]

    def _like(self, size: int) -> Measured[S] | None:
        """What is known of nearly as many sequences, as a beginning."""
        near = min(self._measured, key=lambda one: abs(log(one / size)), default=None)
        if near is None or max(near / size, size / near) > NEAR:
            return None
        return deepcopy(self._measured[near])


@cache
def bucket(sequences: int) -> int:
    """1 to 8, 10, 12, 14, 16, 20, 24, ...: the one at or above, four to a power of two."""
    step = 1 << max((max(sequences, 1) - 1).bit_length() - 3, 0)
    return max(ceil(sequences / step) * step, 1)
