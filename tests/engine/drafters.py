"""Who drafts what, in ways that the engine's own policy would seldom find."""

from __future__ import annotations

import random
from math import inf

from proxyfuse import LLM, RequestOutput
from proxyfuse.plan import Draft
from proxyfuse.sequence import Sequence
from proxyfuse.speculation import Speculator
from proxyfuse.speculation.drafting import Drafting
from proxyfuse.trio import Role


class Whims(Speculator):
    """Drafts of all kinds at random: drawn by any model, named right or wrong, or none."""

    def __init__(self, most: int, rng: random.Random, outputs: list[RequestOutput]) -> None:
        super().__init__(most, {})
        self._rng = rng
        self._written = {
            (output.request_id, one.index): one.token_ids
            for output in outputs
            for one in output.outputs
        }

    def begin(self, running: int) -> None:
        self.drawer = self._rng.choice([Role.EXPERT, Role.ANTIEXPERT])
        self.least = self._rng.choice([-inf, -4.0, -0.3, 0.0, inf])
        self.steepness = self._rng.choice([0.1, 3.0])

    def draft(self, sequence: Sequence) -> Draft:
        at = len(sequence.continuation)
        length = self._rng.randint(0, max(min(sequence.limit - at - 1, self.most), 0))
        if length and len(sequence.lanes) > 1 and self._rng.random() < 0.5:
            return Draft(length)
        right = self._written[sequence.request_id, sequence.index][at : at + length]
        return Draft(tokens=tuple(t if self._rng.random() < 0.8 else 5 for t in right))


def use(llm: LLM, speculator: Speculator) -> None:
    llm._loaded.scheduler._drafts = speculator.draft
    llm._loaded.engine._speculator = speculator


class Reader(Speculator):
    """Whatever the text repeats is looked up, for sequences of three lanes too."""

    def __init__(self, vocab: int) -> None:
        super().__init__(9, {}, vocab=vocab)

    def draft(self, sequence: Sequence) -> Draft:
        room = min(sequence.limit - len(sequence.continuation) - 1, self.most)
        return Draft(tokens=Drafting().look_up(sequence, room, self._vocab))


class Steady(Speculator):
    """One model draws a fixed number of drafts, and ends early as it is told."""

    def __init__(self, most: int, drawer: Role, least: float = -inf) -> None:
        super().__init__(most, {})
        self._how = drawer, least, 1.0

    def begin(self, running: int) -> None:
        super().begin(running)
        self.drawer, self.least, self.steepness = self._how
