"""How often drafts hold, measured as they are verified."""

from __future__ import annotations

from dataclasses import dataclass

KEPT = 0.95  # of what was seen, at each verification: the last ten or so count
TRIALS = 2.0  # that a prior is worth


@dataclass(slots=True)
class Acceptance:
    """One source of drafts: the chance that the next draft holds, given that those before it do.

    `doubts` sums 1 - p over the drafts that were decided on, p being the probability that their
    drafting model gave them: how often drafts should have failed if it knew.
    """

    prior: float
    hits: float = 0.0
    trials: float = 0.0
    doubts: float = 0.0

    @property
    def rate(self) -> float:
        """The chance of each further draft."""
        return (self.hits + TRIALS * self.prior) / (self.trials + TRIALS)

    @property
    def doubt(self) -> float:
        """Failures for each failure that the drafting model expects; 1 where it is right."""
        if self.doubts <= 0:
            return 1.0
        return min(1.0, (1 - self.rate) * (self.trials + TRIALS) / (self.doubts + TRIALS / 2))

    def observe(self, tried: int, held: int, doubts: float = 0.0) -> None:
        """Of `tried` drafts the first `held` did hold; the next, if there was one, did not."""
        self.hits = KEPT * self.hits + held
        self.trials = KEPT * self.trials + held + (held < tried)
        self.doubts = KEPT * self.doubts + doubts


def expected(rate: float, drafts: int) -> float:
    """Tokens that a verification of so many drafts keeps: 1 + rate + ... + rate ** drafts."""
    if rate >= 1:
        return drafts + 1.0
    return float((1 - rate ** (drafts + 1)) / (1 - rate))
