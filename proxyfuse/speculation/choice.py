"""How many drafts pay: the tokens they are expected to keep against the time they take."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from proxyfuse.speculation.acceptance import expected
from proxyfuse.speculation.costs import Costs, bucket
from proxyfuse.trio import Role

LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
STEPS = 32  # rates are told apart in steps of 1 / 32
STALE = 16  # steps that were timed since, after which choices are made anew,
ASKED = 128  # or questions: where next to nothing is drafted few steps are timed
MARGIN = 1.05  # a choice must promise this much more than plain decoding
LESS = 0.96  # of the most promised: for several, fewer drafts that promise so much are taken

Source = Role | None  # a model that draws drafts; None: what stood in the text before


class Choice(NamedTuple):
    """A number of drafts, and what it promises."""

    length: int
    gain: float  # tokens a second, over those of plain decoding
    worth: float  # a draft pays while it is at least so likely to be kept


class Chooser:
    """The best number of drafts by source, rate of acceptance, and sequences running."""

    def __init__(self, costs: Costs[Source]) -> None:
        self._costs = costs
        self._chosen: dict[tuple[Source, int, int, int], Choice] = {}
        self._known = 0  # steps that they follow from
        self._asked = 0  # since then

    def best(self, source: Source, rate: float, sequences: int) -> Choice:
        """The choice for drafts that hold at this rate; made anew every now and then.

        So it is after each of a source's first steps, which say most about what it costs.
        """
        self._asked += 1
        if self._costs.steps >= self._known + STALE or self._asked > ASKED:
            self._known, self._asked = self._costs.steps, 0
            self._chosen.clear()
        steps = round(rate * STEPS)
        key = (source, steps, bucket(sequences), self._costs.news(sequences, source))
        choice = self._chosen.get(key)
        if choice is None:
            choice = self._chosen[key] = self._best(source, steps, sequences)
        return choice

    def _best(self, source: Source, rate: int, sequences: int) -> Choice:
        plain, each = self._costs.of(sequences, source)
        bent = self._costs.bent(sequences, source)
        choices = [Choice(0, MARGIN, 1.0)]
        for length in LENGTHS:
            tokens = _kept(rate, length)
            seconds = (plain + length * each) * bent.get(length, 1.0)
            gain = tokens / seconds * plain
            choices.append(Choice(length, gain, min(each * tokens / seconds, 1.0)))
        best = max(choices, key=lambda one: one.gain)
        if sequences == 1 or not best.length:
            return best
        return next(one for one in choices[1:] if one.gain >= max(LESS * best.gain, MARGIN))


@cache
def _kept(steps: int, drafts: int) -> float:
    """Tokens that a verification keeps, at a rate that is one of few."""
    return expected(steps / STEPS, drafts)
