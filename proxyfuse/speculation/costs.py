"""What a step takes with drafts and without, learned from the steps themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

RATE = 0.1  # share of a step's surprise that is learned
SURPRISE = 0.5  # of what was expected, at most: the machine may have had something else to do

S = TypeVar("S")


class Costs(Generic[S]):
    """Seconds of a step that gives tokens to so many sequences: plain + drafts * each[source].

    `slopes` are what a draft of each source is believed to take, in steps without drafts, until it
    was measured. Least mean squares over the steps as they come: where the number of drafts varies
    it tells the two terms apart, and where the whole machine slows down both follow.
    """

    def __init__(self, slopes: Mapping[S, float]) -> None:
        self._slopes = slopes
        self._plain: dict[int, float] = {}
        self._each: dict[tuple[int, S], float] = {}

    def observe(self, sequences: int, source: S, drafts: float, seconds: float) -> None:
        """A step that verified so many drafts of each sequence took so long."""
        size = bucket(sequences)
        plain, each = self.of(sequences, source)
        if size not in self._plain:
            plain = seconds / (plain + drafts * each)
            self._plain[size] = plain
            return
        expected = plain + drafts * each
        surprise = min(max(seconds - expected, -SURPRISE * expected), SURPRISE * expected)
        learned = RATE * surprise / (1 + drafts * drafts)
        self._plain[size] = plain + learned
        # neither free nor below nothing, whatever the noise
        self._each[size, source] = max(each + drafts * learned, plain * self._slopes[source] / 8)

    def of(self, sequences: int, source: S) -> tuple[float, float]:
        """(plain, each) in seconds; in steps without drafts where nothing was measured."""
        size = bucket(sequences)
        plain = self._plain.get(size, 1.0)
        return plain, self._each.get((size, source), plain * self._slopes[source])


def bucket(sequences: int) -> int:
    """1, 2, 4, 8, ...: the power of two at or above."""
    return 1 << max(sequences - 1, 0).bit_length()
