"""How often drafts hold, measured as they are verified."""

from __future__ import annotations

from dataclasses import dataclass

KEPT = 0.9  # of what was seen, at each verification: the last ten or so count
TRIALS = 2.0  # that a prior is worth


@dataclass(slots=True)
class Acceptance:
    """One source of drafts for one sequence: the chance that the next draft holds.

    A draft that was wanted and not fed counts as one that did not hold: it gained nothing.
    """

    prior: float
    hits: float = 0.0
    trials: float = 0.0

    @property
    def rate(self) -> float:
        """The chance of each further draft, given that all before it held."""
        return (self.hits + TRIALS * self.prior) / (self.trials + TRIALS)

    def observe(self, wanted: int, held: int) -> None:
        """Of `wanted` drafts the first `held` did hold, and the next did not, if there was one."""
        self.hits = KEPT * self.hits + held
        self.trials = KEPT * self.trials + held + (held < wanted)


def expected(rate: float, drafts: int) -> float:
    """Tokens that a verification of so many drafts keeps: 1 + rate + ... + rate ** drafts."""
    if rate >= 1:
        return drafts + 1.0
    return float((1 - rate ** (drafts + 1)) / (1 - rate))
