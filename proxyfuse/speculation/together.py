"""How many drafts each of several sequences gets: one number, so that steps have few shapes."""

from __future__ import annotations

from proxyfuse.speculation.acceptance import Acceptance
from proxyfuse.speculation.alone import HOPE, TRIAL
from proxyfuse.speculation.choice import LENGTHS
from proxyfuse.speculation.drafting import Drafting
from proxyfuse.speculation.evidence import PRIORS, Evidence
from proxyfuse.trio import Role

KEPT = 0.98  # of what was seen, at each step: the last fifty count
STANDS = 8  # steps for which a number stands
TRIES = 4  # steps of a trial, of which the first finds all caches cold and is not timed
LOOKS = 16  # of so many choices one is the next number up or down, to see what that costs by now


class Together:
    """Decides by what the expert's drafts did for all of them, a step at a time."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._fared = Acceptance(PRIORS[Role.EXPERT], kept=KEPT)
        self._drafting = Drafting()  # of all together: when drafts were last tried
        self._asked = 0, 0  # sequences and room of the choice that stands
        self._length = self._stands = 0
        self._choices = 0
        self._rows = 0  # the most that a step was given

    def length(self, running: int, room: int) -> int:
        """Drafts of each of those running in this step, at most `room`."""
        self._drafting.idle += 1
        if not self._stands or self._asked != (running, room):
            self._asked, self._stands = (running, room), STANDS
            self._length = self._choose(running, room)
        self._stands -= 1
        if self._length:
            self._drafting.idle = 0
            self._rows = max(self._rows, running * (1 + self._length))
        return self._length

    def observe(self, hits: int, trials: int) -> None:
        """The drafts of a step: so many held, of so many whose forerunners held."""
        self._fared.count(hits, trials)
        self._drafting.tried(hits)

    def _choose(self, running: int, room: int) -> int:
        evidence, drafting = self._evidence, self._drafting
        length = evidence.best(True, Role.EXPERT, self._fared.rate, running).length
        if not length and drafting.idle >= drafting.patience:
            hopes = evidence.best(True, Role.EXPERT, HOPE, running).length > 0
            length = TRIAL if hopes or drafting.forgotten else 0
            self._stands = TRIES if length else 1
        # what many rows cost is not known beforehand: the way is felt, twice as many at a time
        reach = max(2 * self._rows // running - 1, TRIAL)
        if min(length, room) > reach:
            self._stands = 1
            return reach
        self._choices += 1
        if length and self._choices % LOOKS == 0:
            length = _beside(length, self._choices // LOOKS)
        return min(length, room)


def _beside(length: int, turn: int) -> int:
    """The next number up or down, in turn."""
    at = LENGTHS.index(length) + (1 if turn % 2 else -1)
    return LENGTHS[min(max(at, 0), len(LENGTHS) - 1)]
