"""How far to draft for each sequence, and from whom: whatever gives most tokens a second."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from math import inf, log

from proxyfuse.plan import Draft, Plan, Sample
from proxyfuse.sequence import Sequence
from proxyfuse.speculation.acceptance import Acceptance
from proxyfuse.speculation.choice import Choice, Chooser
from proxyfuse.speculation.lookup import Lookup
from proxyfuse.trio import Role

MOST = 16  # tokens drafted ahead by "auto"
PRIORS = {Role.EXPERT: 0.7, Role.ANTIEXPERT: 0.4, None: 0.3}  # chance that a draft holds
PATIENCE = (16, 128)  # steps without drafts before they are tried again: at first, and at most
TRIAL = 2  # drafts of such a trial

Source = Role | None  # a model that draws drafts; None: what stood in the text before


@dataclass(slots=True)
class Drafting:
    """What is known of one sequence's drafts."""

    lookup: Lookup = field(default_factory=Lookup)
    held: dict[Source, Acceptance] = field(default_factory=dict)
    source: Source = None  # of the drafts that were last proposed
    idle: int = 0  # steps since then
    patience: int = PATIENCE[0]

    def of(self, source: Source) -> Acceptance:
        """How drafts of a source fared."""
        return self.held.setdefault(source, Acceptance(PRIORS[source]))


class Speculator:
    """Proposes drafts to the scheduler, and learns from how they fared.

    speculate: "auto", or how many tokens to draft always; 0 is never. weights: bytes that a pass
    of each role reads: what it costs until that was measured. No text depends on any of it.
    """

    def __init__(self, speculate: str | int, weights: Mapping[Role, int]) -> None:
        self.fixed = None if speculate == "auto" else int(speculate)
        self.most = MOST if self.fixed is None else self.fixed
        self.drawer = Role.EXPERT  # who draws this step's drafts
        self.least = -inf  # log-probability below which its drafting may end
        self._chooser = Chooser(weights, MOST)
        self._sequences: dict[Sequence, Drafting] = {}
        self._running = 1
        self._undecided = True

    def begin(self, running: int) -> None:
        """A step is about to be planned while so many sequences run."""
        self._running = running
        self._undecided = True
        self.least = -inf

    def forget(self, sequence: Sequence) -> None:
        """The sequence has ended."""
        self._sequences.pop(sequence, None)

    def draft(self, sequence: Sequence) -> Draft:
        """What to verify after the sequence's next token."""
        room = min(sequence.limit - len(sequence.continuation) - 1, self.most)
        if room <= 0:
            return Draft()
        drafting = self._sequences.setdefault(sequence, Drafting())
        if self.fixed is None:
            return self._best(sequence, drafting, room)
        if len(sequence.lanes) > 1:
            return self._draw(drafting, self.drawer, room)
        return self._look_up(sequence, drafting, room)

    def _best(self, sequence: Sequence, drafting: Drafting, room: int) -> Draft:
        """The source and length that promise most; now and then a trial of what promised little."""
        drawers = self._drawers(sequence)
        choices: list[tuple[Choice, Source]] = [
            (self._chooser.best(drawer, drafting.of(drawer).rate, self._running), drawer)
            for drawer in drawers
        ]
        found = self._look_up(sequence, drafting, room)
        if found.tokens:
            rate = drafting.of(None).rate
            choices.append((self._chooser.best(None, rate, self._running), None))
        drafting.idle += 1
        if not choices:
            return Draft()
        choice, source = max(choices, key=lambda one: one[0].gain)
        length = choice.length
        if not length:
            if drafting.idle < drafting.patience:
                return Draft()
            length, source = TRIAL, self._tried_least(drafting, [one for _, one in choices])
        drafting.idle = 0
        if source is None:
            drafting.source = None
            return Draft(tokens=found.tokens[:length])
        if choice.length and self._undecided:
            self.least = log(choice.worth)
        return self._draw(drafting, source, min(length, room))

    def _drawers(self, sequence: Sequence) -> list[Role]:
        """Models that may draw: one step has one, whoever asks first."""
        if len(sequence.lanes) == 1:
            return []
        if not self._undecided:
            return [self.drawer]
        return [Role.EXPERT, Role.ANTIEXPERT]

    def _tried_least(self, drafting: Drafting, sources: Seq[Source]) -> Source:
        return min(sources, key=lambda source: drafting.of(source).trials)

    def _draw(self, drafting: Drafting, drawer: Role, length: int) -> Draft:
        self.drawer = drawer
        self._undecided = False
        drafting.source = drawer
        return Draft(length)

    def _look_up(self, sequence: Sequence, drafting: Drafting, most: int) -> Draft:
        lookup, prompt = drafting.lookup, sequence.lanes.base.prompt
        if not lookup.known:
            lookup.extend(prompt)
        lookup.extend(sequence.continuation[lookup.known - len(prompt) :])
        drafting.source = None
        return Draft(tokens=lookup.propose(most))

    def observe(self, plan: Plan, held: Seq[int], seconds: float) -> None:
        """The step took so long, and of each sample's drafts so many held."""
        for sample, count in zip(plan.samples, held, strict=True):
            drafting = self._sequences.get(sample.sequence)
            if drafting is not None and sample.drafts:
                drafting.of(drafting.source).observe(sample.drafts, count)
                longer = min(2 * drafting.patience, PATIENCE[1])
                drafting.patience = PATIENCE[0] if count else longer
        if self.fixed is None and plan.samples and _only_writes(plan):
            self._chooser.observe(self._source(plan.samples), plan.samples, seconds)

    def _source(self, samples: Seq[Sample]) -> Source:
        return self.drawer if any(sample.drawn for sample in samples) else None


def _only_writes(plan: Plan) -> bool:
    """Whether every row of the step is sampled: then its time says what writing costs."""
    run = sum(cut.stop - cut.start for cut in plan.slices[Role.BASE])
    return run == sum(sample.count for sample in plan.samples)
