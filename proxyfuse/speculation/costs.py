"""What a step takes with drafts and without, learned from the steps themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

FRESH = 0.1  # weight of a new measurement among those before


@dataclass(slots=True)
class Costs:
    """Seconds of a step that writes `sequences` sequences, by how many drafts each has.

    Until a number of drafts was tried its time is drawn on a line from those that were; with one
    point known, or none, `slope` is the line: a draft's time in steps without drafts.
    """

    slope: float
    _seconds: dict[int, dict[int, float]] = field(default_factory=dict)

    def observe(self, sequences: int, drafts: int, seconds: float) -> None:
        """A step took so long."""
        known = self._seconds.setdefault(_bucket(sequences), {})
        before = known.get(drafts, seconds)
        # one slow step, of a machine that had something else to do, says little
        known[drafts] = before + FRESH * (min(seconds, 2 * before) - before)

    def seconds(self, sequences: int, drafts: int) -> float:
        """What a step is expected to take; in steps without drafts where nothing is known."""
        known = self._seconds.get(_bucket(sequences), {})
        if drafts in known:
            return known[drafts]
        if not known:
            return 1 + drafts * self.slope
        nearest = sorted(known, key=lambda tried: abs(tried - drafts))[:2]
        at, found = nearest[0], known[nearest[0]]
        each = self.slope * found / (1 + at * self.slope)
        if len(nearest) == 2:
            measured = (known[nearest[1]] - found) / (nearest[1] - at)
            each = max(measured, each / 4)  # noise must not make drafts look free
        return max(found + (drafts - at) * each, found / 8)


def _bucket(sequences: int) -> int:
    """1, 2, 4, 8, ...: the power of two at or above."""
    return 1 << max(sequences - 1, 0).bit_length()
