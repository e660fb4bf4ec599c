"""What was learned of drafts: what they cost, and how often they hold."""

from __future__ import annotations

from collections.abc import Mapping

from proxyfuse.plan import Plan
from proxyfuse.speculation.acceptance import ENGINE, Acceptance
from proxyfuse.speculation.choice import Choice, Chooser, Source
from proxyfuse.speculation.costs import Costs
from proxyfuse.speculation.drafting import Drafting
from proxyfuse.speculation.fared import Verified
from proxyfuse.trio import Role

PRIORS: dict[Source, float] = {Role.EXPERT: 0.7, Role.ANTIEXPERT: 0.4, None: 0.3}
ALIKE = (4.0, 8.0)  # trials that what others did is worth: of what is looked up, of a model's
VERIFYING = 0.05  # of a step: what one more row costs before it was measured
FRESH = 192  # steps of which each is timed, and noted as one of all sequences
NOTED = 6  # one step in so many is, afterwards: it is not free
WAITING = 64  # timed steps, at most, that nothing was learned from yet
SELDOM = 48  # steps after which one without drafts is timed, noted or not


class Evidence:
    """Of all steps and sequences so far.

    weights: bytes that a pass of each role reads: what it costs until that was measured.
    """

    def __init__(self, weights: Mapping[Role, int]) -> None:
        total = sum(weights.values())
        slopes: dict[Source, float] = {
            role: size / total + VERIFYING for role, size in weights.items()
        }
        free: dict[Source, float] = {None: VERIFYING}
        # a step of the base alone costs less, and nobody draws in it
        self.costs = {True: Costs(slopes | free), False: Costs(free)}
        self._choosers = {fused: Chooser(costs) for fused, costs in self.costs.items()}
        # of all sequences, greedy ones by themselves: what they write repeats itself far more
        self._all = {
            (source, greedy): Acceptance(rate, kept=ENGINE)
            for source, rate in PRIORS.items()
            for greedy in (True, False)
        }
        self._age = 0
        self._notes = True
        self._drafted = False  # in the last step
        self._plain = 0  # when a step without was timed last
        self._timed: tuple[bool, tuple[int, Source, float]] | None = None
        # to be learned from once something is asked: many at a time, as code that runs seldom is
        # found in no cache
        self._fared: list[tuple[Drafting, Source, Verified, bool]] = []
        self._spent: list[tuple[bool, tuple[int, Source, float], float]] = []

    def read(self) -> None:
        """Learn from all steps so far."""
        for drafting, source, one, noted in self._fared:
            self._own(drafting, source).observe(*one, fits=noted)
            if noted:
                self._all[source, drafting.greedy].observe(*one)
        for fused, step, seconds in self._spent:
            self.costs[fused].observe(*step, seconds)
        self._fared.clear()
        self._spent.clear()

    def fared(self, drafting: Drafting, source: Source) -> Acceptance:
        """How often a sequence's drafts held; as all others' until there were some."""
        self.read()
        return self._own(drafting, source)

    def _own(self, drafting: Drafting, source: Source) -> Acceptance:
        found = drafting.fared.get(source)
        if found is None:
            known, worth = self._all[source, drafting.greedy], ALIKE[source is not None]
            fresh = Acceptance(known.rate, known.steepness, worth=worth)
            found = drafting.fared[source] = fresh
        return found

    def best(self, fused: bool, source: Source, rate: float, sequences: int) -> Choice:
        """The number of drafts of each that pays most, where they hold at this rate."""
        self.read()
        return self._choosers[fused].best(source, rate, sequences)

    def plain_steps(self, fused: bool, sequences: int) -> int:
        """Steps without drafts that were timed."""
        self.read()
        return self.costs[fused].plain_steps(sequences)

    def learn(self, drafting: Drafting, source: Source, one: Verified) -> None:
        """How drafts of a sequence fared; of all sequences, and by what margins, where steps are
        noted."""
        self._fared.append((drafting, source, one, self._notes))

    def begin(self, plan: Plan, drawer: Role, drafts: float) -> None:
        """The plan was run, with so many drafts of each that had any: what it took is told next.

        Not every step of one sequence is worth timing, but those without drafts are where they are
        seldom. The first of these finds all caches cold and does not count; nor, of several, does
        the first with drafts: a trial would always seem dear.
        """
        self._age += 1
        self._notes = self._age < FRESH or not self._age % NOTED
        self._timed = None
        several = len(plan.samples) > 1
        cold = self._drafted != (drafts > 0) and (several or not drafts)
        self._drafted = drafts > 0
        seldom = not drafts and self._age > self._plain + SELDOM
        worth = self._notes or seldom or several
        if cold or not worth or not _only_writes(plan):
            return
        if not drafts:
            self._plain = self._age
        samples = plan.samples
        drawn = drafts and any(sample.drawn for sample in samples)
        fused = len(samples[0].sequence.lanes) > 1  # those that fuse come first
        self._timed = fused, (len(samples), drawer if drawn else None, drafts)

    def timed(self, seconds: float) -> None:
        """The step that was begun took so long, planning included."""
        if self._timed is not None:
            self._spent.append((*self._timed, seconds))
            if len(self._spent) >= WAITING:  # several of the base alone ask for nothing
                self.read()


def _only_writes(plan: Plan) -> bool:
    """Whether every row of the step is sampled: then its time says what writing costs."""
    if not plan.samples:
        return False
    run = sum(cut.stop - cut.start for cut in plan.slices.base)
    return run == sum(sample.count for sample in plan.samples)
