"""How often drafts hold, measured as they are verified."""

from __future__ import annotations

from dataclasses import dataclass

SEQUENCE, ENGINE = 0.97, 0.99  # kept of what was seen, at each verification
WORTH = 2.0  # trials that a prior is worth
TRUST = 0.5  # failures of a draft for each that its drawing model expects, until that was seen


@dataclass(slots=True)
class Acceptance:
    """One source of drafts: the chance that the next draft holds, given that those before it do.

    `doubts` sums 1 - p over the drafts that were decided on, p being the probability that their
    drawing model gave them: how often they should have failed if it knew.
    """

    prior: float
    trust: float = TRUST
    kept: float = SEQUENCE
    worth: float = WORTH  # of the prior, in trials
    hits: float = 0.0
    trials: float = 0.0
    doubts: float = 0.0

    @property
    def rate(self) -> float:
        """The chance of each further draft."""
        return (self.hits + self.worth * self.prior) / (self.trials + self.worth)

    @property
    def doubt(self) -> float:
        """Failures for each failure that the drawing model expects, in [0, 1]."""
        failed = self.trials - self.hits
        return min(1.0, (failed + self.worth * self.trust) / (self.doubts + self.worth))

    def observe(self, tried: int, held: int, doubts: float = 0.0) -> None:
        """Of `tried` drafts the first `held` did hold; the next, if there was one, did not."""
        self.hits = self.kept * self.hits + held
        self.trials = self.kept * self.trials + held + (held < tried)
        self.doubts = self.kept * self.doubts + doubts


def expected(rate: float, drafts: int) -> float:
    """Tokens that a verification of so many drafts keeps: 1 + rate + ... + rate ** drafts."""
    if rate >= 1:
        return drafts + 1.0
    return float((1 - rate ** (drafts + 1)) / (1 - rate))
