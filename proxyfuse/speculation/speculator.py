"""How far to draft for each sequence, and from whom: whatever gives most tokens a second."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from itertools import takewhile
from math import inf, log

from proxyfuse.plan import Draft, Plan
from proxyfuse.sequence import Sequence
from proxyfuse.speculation.acceptance import ENGINE, Acceptance
from proxyfuse.speculation.choice import LENGTHS, Choice, Chooser, Source
from proxyfuse.speculation.costs import Costs
from proxyfuse.speculation.fared import Verified
from proxyfuse.speculation.lookup import Lookup
from proxyfuse.trio import Role

PRIORS: dict[Source, float] = {Role.EXPERT: 0.7, Role.ANTIEXPERT: 0.4, None: 0.3}
PLAIN = (4, 3, 48)  # steps without drafts: so many early on, each third step; then each 48th
PATIENCE = (24, 192)  # steps without drafts before they are tried again: at first, and at most
TRIAL = 1  # drafts of such a trial
REST = 8  # steps for which a sequence that nothing is drafted for is not asked about again
MOST_ROWS = MOST_IDS = 2**31
HOPE = 0.9  # drafts that would not pay at this rate are not tried
VERIFYING = 0.05  # of a step: what one more row costs before it was measured


@dataclass(slots=True)
class Drafting:
    """What is known of one sequence's drafts."""

    greedy: bool = False
    lookup: Lookup = field(default_factory=Lookup)
    fared: dict[Source, Acceptance] = field(default_factory=dict)
    source: Source = None  # of the drafts that were last proposed
    idle: int = 0  # steps since then
    patience: int = PATIENCE[0]
    rest: int = 0  # steps for which nothing will be drafted, whatever is known


class Speculator:
    """Proposes drafts to the scheduler, and learns from how they fared.

    speculate: "auto", or how many tokens to draft always; 0 is never. weights: bytes that a pass
    of each role reads: what it costs until that was measured. rows: of a step; drafts leave each
    running sequence one. vocab: ids that may be drawn are below it, and only such are drafted.
    batches: sizes to which batches are filled up, if they are; steps then have few shapes, and
    drafts few lengths. No text depends on any of it.
    """

    def __init__(
        self,
        speculate: str | int,
        weights: Mapping[Role, int],
        rows: int = MOST_ROWS,
        vocab: int = MOST_IDS,
        batches: Seq[int] = (),
    ) -> None:
        self.fixed = None if speculate == "auto" else int(speculate)
        self.most = LENGTHS[-1] if self.fixed is None else self.fixed
        self.drawer = Role.EXPERT  # who draws this step's drafts
        self.least = -inf  # drafting may end where no draft's log-probability to hold is above
        self.doubt = 1.0  # failures of a draft for each that the drawer expects
        total = sum(weights.values())
        slopes: dict[Source, float] = {
            role: size / total + VERIFYING for role, size in weights.items()
        }
        # a step of the base alone costs less: one table for steps that fuse, one for the others
        self._costs = {fused: Costs(slopes | {None: VERIFYING}) for fused in (True, False)}
        self._choosers = {fused: Chooser(costs) for fused, costs in self._costs.items()}
        self._fused = True  # the step at hand
        # of all sequences, greedy ones by themselves: what they write repeats itself far more
        self._all = {
            (source, greedy): Acceptance(rate, kept=ENGINE)
            for source, rate in PRIORS.items()
            for greedy in (True, False)
        }
        self._sequences: dict[Sequence, Drafting] = {}
        self._step: tuple[int, Source, float] | None = None  # sequences, source, drafts of each
        self._rows = rows
        self._vocab = vocab
        self._batches = batches
        self._age = 0
        self._batch = Drafting()  # of several sequences: when drafts were last tried
        self._common: int | None = None  # drafts of each of them in this step, once decided
        self._measures = False  # this step, what one without drafts takes
        self._running = self._filled = 1  # sequences, and with those that fill up the batch
        self._undecided = True

    def begin(self, running: int) -> None:
        """A step is about to be planned while so many sequences run."""
        self._running = max(running, 1)
        self._filled = next((size for size in self._batches if size >= running), self._running)
        self._common = None
        self._undecided = True
        self.least = -inf
        self._age += 1
        early, often, seldom = PLAIN
        known = self._costs[self._fused].plain_steps(running) >= early
        self._measures = self._age % (seldom if known else often) == 0

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many drafts a step of few shapes may have, where it has any; ascending."""
        return tuple(n for n in LENGTHS if n < self.most) + (self.most,) * (self.most > 0)

    def _known(self, count: int) -> int:
        """The longest of these that is no more; any number where steps may have any shape."""
        if not self._batches:
            return count
        return max((length for length in self.lengths if length <= count), default=0)

    @property
    def how(self) -> tuple[Role, float, float]:
        """Who draws the drafts of the step that was planned, and when it may stop."""
        return self.drawer, self.least, self.doubt

    def forget(self, sequence: Sequence) -> None:
        """The sequence has ended."""
        self._sequences.pop(sequence, None)

    def draft(self, sequence: Sequence) -> Draft | None:
        """What to verify after the sequence's next token.

        None where only the text can tell, and rows of it are in flight.
        """
        if sequence.ahead and len(sequence.lanes) == 1:
            return None
        fair = self._rows // self._filled - 1
        left = sequence.limit - len(sequence.continuation) - sequence.ahead
        room = self._known(min(left - 1, self.most, fair))
        if room <= 0:
            return Draft()
        drafting = self._sequences.get(sequence)
        if drafting is None:
            drafting = self._sequences[sequence] = Drafting(sequence.params.greedy)
        if self.fixed is None and self._running > 1:
            return self._together(sequence, drafting, room)
        if self.fixed is None:
            return self._best(sequence, drafting, room)
        if len(sequence.lanes) > 1:
            return self._draw(drafting, self.drawer, room)
        found = self._look_up(sequence, drafting, room)
        return Draft(tokens=found[: self._known(len(found))])

    def _together(self, sequence: Sequence, drafting: Drafting, room: int) -> Draft:
        """As many drafts of the expert as all sequences get: a step of one shape is found again."""
        if len(sequence.lanes) == 1:
            return Draft()
        if self._common is None:
            self._common = self._decide()
        length = min(self._common, room)
        return self._draw(drafting, Role.EXPERT, length) if length else Draft()

    def _decide(self) -> int:
        """The number for the whole batch, by the mean of what its sequences accept."""
        batch = self._batch
        batch.idle += 1
        if self._measures:
            return 0
        rates = [self._fared(one, Role.EXPERT).rate for one in self._sequences.values()]
        chooser = self._choosers[True]
        length = chooser.best(Role.EXPERT, sum(rates) / len(rates), self._running).length
        if not length and batch.idle >= batch.patience:
            length = min(TRIAL, chooser.best(Role.EXPERT, HOPE, self._running).length)
        if length:
            batch.idle = 0
        # what many rows cost here is not known beforehand: the way is felt, 1, 2, 4 drafts
        return min(length, 2 * self._costs[True].furthest(self._running) or 1)

    def _best(self, sequence: Sequence, drafting: Drafting, room: int) -> Draft:
        """The source and length that promise most; now and then a trial of what promised little."""
        drafting.idle += 1
        self._fused = len(sequence.lanes) > 1
        if drafting.rest or self._measures:
            drafting.rest = max(drafting.rest - 1, 0)
            return Draft()
        choices = {one: self._choice(drafting, one) for one in (*self._drawers(sequence), None)}
        source = _most_promising(choices)
        found: tuple[int, ...] = ()
        if source is None or not choices[source].length:
            found = () if sequence.ahead else self._look_up(sequence, drafting, room)
            if not found:
                del choices[None]
            if not choices:
                return Draft()
            source = _most_promising(choices)
        choice = choices[source]
        length = choice.length
        if not length:
            source = min(choices, key=lambda one: self._fared(drafting, one).trials)
            hopeful = self._choosers[self._fused].best(source, HOPE, self._running).length
            if drafting.idle < drafting.patience or not hopeful:
                drafting.rest = REST
                return Draft()
            length = TRIAL
        drafting.idle = 0
        if source is None:
            drafting.source = None
            return Draft(tokens=found[: self._known(min(length, len(found)))])
        if choice.length and self._undecided:
            self.least = log(choice.worth)
            self.doubt = self._fared(drafting, source).doubt
        return self._draw(drafting, source, min(length, room))

    def _choice(self, drafting: Drafting, source: Source) -> Choice:
        rate = self._fared(drafting, source).rate
        return self._choosers[self._fused].best(source, rate, self._running)

    def _fared(self, drafting: Drafting, source: Source) -> Acceptance:
        found = drafting.fared.get(source)
        if found is None:
            known = self._all[source, drafting.greedy]
            found = drafting.fared[source] = Acceptance(known.rate, known.doubt)
        return found

    def _drawers(self, sequence: Sequence) -> list[Role]:
        """Models that may draw: one step has one, whoever asks first."""
        if len(sequence.lanes) == 1:
            return []
        return [Role.EXPERT, Role.ANTIEXPERT] if self._undecided else [self.drawer]

    def _draw(self, drafting: Drafting, drawer: Role, length: int) -> Draft:
        self.drawer = drawer
        self._undecided = False
        drafting.source = drawer
        return Draft(length)

    def _look_up(self, sequence: Sequence, drafting: Drafting, most: int) -> tuple[int, ...]:
        lookup, prompt = drafting.lookup, sequence.lanes.base.prompt
        if not lookup.known:
            lookup.extend(prompt)
        lookup.extend(sequence.continuation[lookup.known - len(prompt) :])
        drafting.source = None
        # the base's prompt may hold ids that a proxy's embedding has no row for
        return tuple(takewhile(lambda token: token < self._vocab, lookup.propose(most)))

    def observe(self, plan: Plan, fared: Seq[Verified]) -> None:
        """How the drafts of the step fared, sample by sample."""
        drafts = 0
        for sample, one in zip(plan.samples, fared, strict=True):
            drafting = self._sequences.get(sample.sequence)
            if drafting is not None and one.tried:
                drafts += one.tried
                self._learn(drafting, one)
        self._step = None
        count = len(plan.samples)
        self._fused = any(len(sample.sequence.lanes) > 1 for sample in plan.samples)
        counts = drafts or (count and self._counts_plain(count))
        if self.fixed is None and counts and _only_writes(plan):
            drawn = any(sample.drawn for sample in plan.samples)
            self._step = (count, self.drawer if drawn else None, drafts / count)

    def _counts_plain(self, sequences: int) -> bool:
        """Whether a step without drafts is worth timing: every so many, once some are known."""
        return not self._age % REST or self._costs[self._fused].plain_steps(sequences) < PLAIN[0]

    def timed(self, seconds: float) -> None:
        """The step that was last observed took so long, planning included."""
        if self._step is not None:
            self._costs[self._fused].observe(*self._step, seconds)

    def _learn(self, drafting: Drafting, one: Verified) -> None:
        source = drafting.source
        self._fared(drafting, source).observe(*one)
        self._all[source, drafting.greedy].observe(*one)
        tried = drafting if self._running == 1 else self._batch
        tried.patience = PATIENCE[0] if one.held else min(2 * tried.patience, PATIENCE[1])


def _most_promising(choices: Mapping[Source, Choice]) -> Source:
    return max(choices, key=lambda one: choices[one].gain)


def _only_writes(plan: Plan) -> bool:
    """Whether every row of the step is sampled: then its time says what writing costs."""
    run = sum(cut.stop - cut.start for cut in plan.slices[Role.BASE])
    return run == sum(sample.count for sample in plan.samples)
