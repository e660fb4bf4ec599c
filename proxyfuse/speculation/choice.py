"""How many drafts pay: the tokens they are expected to keep against the time they take."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import NamedTuple

from proxyfuse.plan import Sample
from proxyfuse.speculation.acceptance import expected
from proxyfuse.speculation.costs import Costs
from proxyfuse.trio import Role

LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
STEPS = 32  # rates are told apart in steps of 1 / 32
STALE = 64  # steps after which choices are made anew
VERIFYING = 0.05  # of a step: what one more row costs before it was measured
MARGIN = 1.03  # a choice must promise this much more than plain decoding


class Choice(NamedTuple):
    """A number of drafts, and what it promises."""

    length: int
    gain: float  # tokens a second, over those of plain decoding
    worth: float  # a draft is worth feeding while it is at least so likely to be kept


class Chooser:
    """The best number of drafts by source, rate of acceptance, and sequences running."""

    def __init__(self, weights: Mapping[Role, int], most: int) -> None:
        total = sum(weights.values())
        shares = {role: size / total for role, size in weights.items() if role is not Role.BASE}
        self._costs: dict[Role | None, Costs] = {None: Costs(VERIFYING)}
        self._costs |= {role: Costs(share + VERIFYING) for role, share in shares.items()}
        self._lengths = [length for length in LENGTHS if length <= most]
        self._chosen: dict[tuple[Role | None, int, int], Choice] = {}
        self._age = 0

    def observe(self, source: Role | None, samples: Seq[Sample], seconds: float) -> None:
        """A step that wrote all these samples, their drafts from one source, took so long."""
        drafts = round(sum(sample.drafts for sample in samples) / len(samples))
        plain = not any(sample.drafts for sample in samples)
        for costs in self._costs.values() if plain else (self._costs[source],):
            costs.observe(len(samples), drafts, seconds)
        self._age += 1
        if self._age % STALE == 0:
            self._chosen.clear()

    def best(self, source: Role | None, rate: float, sequences: int) -> Choice:
        """The choice for drafts that hold at this rate."""
        key = (source, round(rate * STEPS), sequences)
        choice = self._chosen.get(key)
        if choice is None:
            choice = self._chosen[key] = self._best(source, key[1] / STEPS, sequences)
        return choice

    def _best(self, source: Role | None, rate: float, sequences: int) -> Choice:
        costs = self._costs[source]
        plain = costs.seconds(sequences, 0)
        best = Choice(0, MARGIN, 1.0)
        for length in self._lengths:
            seconds, tokens = costs.seconds(sequences, length), expected(rate, length)
            gain = tokens / seconds * plain
            if gain > best.gain:
                each = (seconds - plain) / length
                best = Choice(length, gain, min(max(each * tokens / seconds, 1e-6), 1.0))
        return best
