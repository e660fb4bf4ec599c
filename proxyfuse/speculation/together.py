"""How many drafts each of several sequences gets: one number, so that steps have few shapes."""

from __future__ import annotations

from collections.abc import Collection

from proxyfuse.speculation.alone import HOPE, TRIAL
from proxyfuse.speculation.drafting import Drafting
from proxyfuse.speculation.evidence import Evidence
from proxyfuse.trio import Role


class Together:
    """Decides by the mean of what the expert's drafts did for each."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.drafting = Drafting()  # of all together: when drafts were last tried

    def length(self, sequences: Collection[Drafting], running: int) -> int:
        """Drafts of each of those running in this step, of whom these are known."""
        evidence, together = self._evidence, self.drafting
        together.idle += 1
        rates = [evidence.fared(one, Role.EXPERT).rate for one in sequences]
        length = evidence.best(True, Role.EXPERT, sum(rates) / len(rates), running).length
        if not length and together.idle >= together.patience:
            length = min(TRIAL, evidence.best(True, Role.EXPERT, HOPE, running).length)
        if length:
            together.idle = 0
        # what many rows cost here is not known beforehand: the way is felt, 1, 2, 4 drafts
        return min(length, 2 * evidence.costs[True].furthest(running) or 1)
