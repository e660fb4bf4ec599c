"""What is known of one sequence's drafts, and what was decided for it last."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from proxyfuse.sequence import Sequence
from proxyfuse.speculation.acceptance import Acceptance
from proxyfuse.speculation.choice import Source
from proxyfuse.speculation.lookup import Lookup
from proxyfuse.trio import Role

PATIENCE = (24, 192)  # steps without drafts before they are tried again: at first, and at most


class Decision(NamedTuple):
    """So many drafts of a model; it may stop where they are less likely to hold than this."""

    drawer: Role
    length: int
    least: float  # log-probability
    steepness: float  # a draft that leads by m holds with 1 / (1 + exp(-steepness * m))


@dataclass(slots=True)
class Drafting:
    """One sequence's, or that of all together while there are several."""

    greedy: bool = False
    lookup: Lookup = field(default_factory=Lookup)
    guess: tuple[int, ...] = ()  # what was looked up, and not drafted
    guessed_at: int = 0  # tokens of the continuation then
    fared: dict[Source, Acceptance] = field(default_factory=dict)
    source: Source = None  # of the drafts that were last proposed
    idle: int = 0  # steps since then
    patience: int = PATIENCE[0]
    new: int = 0  # looks, one after the other, at which the text said nothing; it stops counting
    rest: int = 0  # steps for which nothing will be drafted, whatever is known
    decision: Decision | None = None  # the last that a choice was made for
    stands: int = 0  # steps for which it is not asked about again

    @property
    def forgotten(self) -> bool:
        """Whether the last drafts are so long ago that what they cost has to be seen again."""
        return self.idle >= PATIENCE[1]

    def take_rest(self) -> int:
        """The steps for which nothing will be drafted, all at once."""
        rest, self.rest = self.rest, 0
        self.idle += rest
        return rest

    def look_up(self, sequence: Sequence, most: int, vocab: int) -> tuple[int, ...]:
        """What followed the last time, ids below `vocab`: nothing where the text is new."""
        lookup, prompt = self.lookup, sequence.lanes.base.prompt
        if not lookup.known:
            lookup.extend(prompt)
        lookup.extend(sequence.continuation[lookup.known - len(prompt) :])
        found = lookup.propose(most)
        if not found:
            return found
        # the base's prompt may hold ids that a proxy's embedding has no row for
        return tuple(takewhile(lambda token: token < vocab, found))

    def tried(self, held: int) -> None:
        """Drafts were verified: where none held, the next trial is later."""
        self.patience = PATIENCE[0] if held else min(2 * self.patience, PATIENCE[1])
