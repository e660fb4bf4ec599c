"""How often drafts hold, measured as they are verified."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from math import exp

SEQUENCE, ENGINE = 0.97, 0.99  # kept of what was seen, at each verification
WORTH = 2.0  # trials that a prior is worth
STEEP = 2.0  # steepness, until some drafts were seen
SURE = 2.0  # information that the first step is damped by: that of some ten drafts
FASTEST = 0.25  # the most that one draft changes its logarithm by
FARTHEST = 16.0  # margins above are as good as this


@dataclass(slots=True)
class Acceptance:
    """One source of drafts: the chance that the next draft holds, given that those before it do.

    A draft was drawn because its score, noise included, led that of all other tokens by a margin m.
    Target and draft share the noise, so it holds unless their scores differ by more than that:

        chance to hold = 1 / (1 + exp(-steepness * m))

    which is one half where nothing led. The steepness is fitted as drafts are verified.
    """

    prior: float
    steepness: float = STEEP
    kept: float = SEQUENCE
    worth: float = WORTH  # of the prior, in trials
    hits: float = 0.0
    trials: float = 0.0
    information: float = 0.0  # of the margins seen, as a logistic regression has it

    @property
    def rate(self) -> float:
        """The chance of each further draft."""
        return (self.hits + self.worth * self.prior) / (self.trials + self.worth)

    def observe(
        self, tried: int, held: int, margins: Seq[float] = (), *, fits: bool = True
    ) -> None:
        """Of `tried` drafts the first `held` did hold; the next, if there was one, did not.

        margins: of these, where they are known; and of one more where all held and the next was
        drawn but not verified: that counts by its chance, or else whoever stops in time would seem
        never to fail. fits: whether the steepness is fitted to them, which is not free.
        """
        hits, trials = float(held), held + (held < tried)
        if len(margins) > tried and margins[tried] >= 0:
            hits, trials = held + chance_to_hold(self._scaled(margins[tried])), trials + 1
        self.count(hits, trials)
        if fits and margins:
            self._fit(held, margins[:tried])

    def count(self, hits: float, trials: float) -> None:
        """So many drafts held, of so many that did or were the first that did not."""
        self.hits = self.kept * self.hits + hits
        self.trials = self.kept * self.trials + trials

    def _scaled(self, margin: float) -> float:
        return self.steepness * min(margin, FARTHEST)

    def _fit(self, held: int, margins: Seq[float]) -> None:
        """A step of Newton's method for each draft, in the logarithm, by the information of all."""
        self.information *= self.kept
        for at, margin in enumerate(margins):
            if not margin >= 0:
                continue  # nothing was drawn
            scaled = self._scaled(margin)
            chance = chance_to_hold(scaled)
            self.information += scaled * scaled * chance * (1 - chance)
            step = scaled * ((at < held) - chance) / (SURE + self.information)
            self.steepness *= exp(min(max(step, -FASTEST), FASTEST))


def chance_to_hold(scaled: float) -> float:
    """Of a draft, by steepness * margin: `Acceptance` says why."""
    return 1 / (1 + exp(-scaled))


def expected(rate: float, drafts: int) -> float:
    """Tokens that a verification of so many drafts keeps: 1 + rate + ... + rate ** drafts."""
    if rate >= 1:
        return drafts + 1.0
    return float((1 - rate ** (drafts + 1)) / (1 - rate))
