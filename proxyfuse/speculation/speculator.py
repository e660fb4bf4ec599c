"""How far to draft for each sequence, and from whom, within what a step has room for."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from math import inf

from proxyfuse.plan import NOTHING, Draft, Plan
from proxyfuse.sequence import Sequence
from proxyfuse.speculation.alone import LONGER, Alone
from proxyfuse.speculation.choice import LENGTHS
from proxyfuse.speculation.drafting import Decision, Drafting
from proxyfuse.speculation.evidence import Evidence
from proxyfuse.speculation.fared import Verified
from proxyfuse.speculation.together import Together
from proxyfuse.trio import Role

PLAIN = (4, 96)  # of so many steps two go without drafts: at first, and then
KNOWN = 4  # so many times two such steps
MOST_ROWS = MOST_IDS = 2**31


class Speculator:
    """Proposes drafts to the scheduler, and learns from how they fared.

    speculate: "auto", or how many tokens to draft always; 0 is never. weights: bytes that a pass
    of each role reads: what it costs until that was measured. rows: of a step; drafts leave each
    running sequence one. vocab: ids that may be drawn are below it, and only such are drafted.
    batches: sizes to which batches are filled up, if they are; steps then have few shapes, and
    drafts few lengths. stops: whether drafting may end early, as `how` says. No text depends on any
    of it.
    """

    def __init__(
        self,
        speculate: str | int,
        weights: Mapping[Role, int],
        rows: int = MOST_ROWS,
        vocab: int = MOST_IDS,
        batches: Seq[int] = (),
        stops: bool = False,
    ) -> None:
        self.fixed = None if speculate == "auto" else int(speculate)
        self.most = LENGTHS[-1] if self.fixed is None else self.fixed
        self.drawer = Role.EXPERT  # who draws this step's drafts
        self.least = -inf  # drafting may end where no draft's log-probability to hold is above
        self.steepness = 1.0  # how soon a draft that leads all other tokens is believed to hold
        self._evidence = Evidence(weights)
        self._alone = Alone(self._evidence, vocab, LONGER if stops else 1)
        self._together = Together(self._evidence)
        self._sequences: dict[Sequence, Drafting] = {}
        self._rows = rows
        self._vocab = vocab
        self._batches = batches
        self._age = 0
        self._common: Draft | None = None  # of each of several in this step, once decided
        self._resting: Sequence | None = None  # it runs alone, and nothing is drafted for it
        self._rest = 0  # for so many more steps
        self._still = False  # in this step: nothing to decide, and nothing to learn
        self._running = 1  # sequences
        self._room = 0  # drafts of each that there are rows for
        self._undecided = True
        self._measuring = 0  # steps that show what one without drafts takes, this one among them
        self._tries: dict[tuple[bool, int], int] = {}  # of that, by who fuses and how many run

    def begin(self, running: int) -> None:
        """A step is about to be planned while so many sequences run, or may be let in."""
        self._still = running == 1 and self._rest > 0
        if self._still:
            self._rest -= 1
            return
        self._rest = 0
        self._running = filled = max(running, 1)
        if self._batches:
            filled = next((size for size in self._batches if size >= running), filled)
        self._room = min(self.most, self._rows // filled - 1)
        self._common = None
        self._undecided = True
        self._measuring = max(self._measuring - 1, 0)
        self.least = -inf
        self._age += 1

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many drafts a step of few shapes may have, where it has any; ascending."""
        return tuple(n for n in LENGTHS if n < self.most) + (self.most,) * (self.most > 0)

    @property
    def how(self) -> tuple[Role, float, float]:
        """Who draws the drafts of the step that was planned, and when it may stop."""
        return self.drawer, self.least, self.steepness

    def forget(self, sequence: Sequence) -> None:
        """The sequence has ended."""
        if self._sequences.pop(sequence, None) is not None:
            self._evidence.read()  # which would keep what is known of it
        if sequence is self._resting:
            self._resting, self._rest = None, 0

    def draft(self, sequence: Sequence) -> Draft | None:
        """What to verify after the sequence's next token.

        None where only the text can tell, and rows of it are in flight.
        """
        if self._still:
            if sequence is self._resting:
                return NOTHING
            self._still, self._rest = False, 0
        fused = len(sequence.lanes) > 1
        if not fused and self._running > 1 and self.fixed is None:
            return NOTHING  # nobody is looked up for beside others, who would wait for it
        if sequence.ahead and not fused:
            return None
        left = sequence.limit - len(sequence.continuation) - sequence.ahead
        room = min(left - 1, self._room)
        if self._batches:
            room = self._known(room)
        if room <= 0:
            return NOTHING
        if self.fixed is not None:
            return self._always(sequence, room)
        if not self._measuring and self._age % PLAIN[0] == 0 and self._measures(fused):
            self._measuring = 2  # the first of them comes as a surprise to all caches
        if self._measuring:
            return NOTHING
        if self._running > 1:
            return self._shared(room)
        return self._own(sequence, room)

    def _own(self, sequence: Sequence, room: int) -> Draft:
        """What pays for a sequence that has the step to itself; it may rest then."""
        drafting = self._drafting(sequence)
        drawer = None if self._undecided else self.drawer
        draft = self._alone.draft(sequence, drafting, room, drawer)
        if isinstance(draft, Decision):
            return self._draw(drafting, draft, room)
        if drafting.rest:
            self._resting, self._rest = sequence, drafting.take_rest()
        if not draft.tokens or not self._batches:
            return draft
        return Draft(tokens=draft.tokens[: self._known(len(draft.tokens))])

    def _known(self, count: int) -> int:
        """The longest of these that is no more; any number where steps may have any shape."""
        if not self._batches:
            return count
        return max((length for length in self.lengths if length <= count), default=0)

    def _measures(self, fused: bool) -> bool:
        """Whether this step, one of those that may, shows what one without drafts takes."""
        here = fused, self._running
        tries = self._tries.get(here, 0)
        if tries >= KNOWN and self._age % PLAIN[1]:
            return False
        self._tries[here] = tries + 1
        return True

    def _drafting(self, sequence: Sequence) -> Drafting:
        found = self._sequences.get(sequence)
        if found is None:
            found = self._sequences[sequence] = Drafting(sequence.params.greedy)
        return found

    def _always(self, sequence: Sequence, room: int) -> Draft:
        if len(sequence.lanes) > 1:
            return Draft(room)
        found = self._drafting(sequence).look_up(sequence, room, self._vocab)
        return Draft(tokens=found[: self._known(len(found))])

    def _shared(self, room: int) -> Draft:
        """As many drafts of the expert as all sequences get: a step of one shape is found again."""
        if self._common is None:
            self._common = Draft(self._known(self._together.length(self._running, self._room)))
            self.drawer = Role.EXPERT
        if self._common.length <= room:
            return self._common
        return Draft(room)

    def _draw(self, drafting: Drafting, decision: Decision, room: int) -> Draft:
        """One step has one drawer, and one way to stop: whose decision comes first."""
        if self._undecided:
            self.drawer, _, self.least, self.steepness = decision
            self._undecided = False
        drafting.source = decision.drawer
        return Draft(self._known(min(decision.length, room)))

    def observe(self, plan: Plan, fared: Seq[Verified]) -> None:
        """How the drafts of the step fared, sample by sample."""
        if self.fixed is not None or (self._still and not any(one.tried for one in fared)):
            return
        if len(fared) > 1:
            drafts = self._learn_of_all(fared)
        elif drafts := fared[0].tried if fared else 0:
            drafting = self._sequences.get(plan.samples[0].sequence)
            if drafting is not None:
                self._evidence.learn(drafting, drafting.source, fared[0])
                drafting.tried(fared[0].held)
        self._evidence.begin(plan, self.drawer, drafts)

    def _learn_of_all(self, fared: Seq[Verified]) -> float:
        """Returns the drafts of each that had any."""
        hits = sum(one.held for one in fared)
        failed = sum(one.held < one.tried for one in fared)
        if hits or failed:
            self._together.observe(hits, hits + failed)
        drafting = sum(one.tried > 0 for one in fared)
        return sum(one.tried for one in fared) / drafting if drafting else 0.0

    def timed(self, seconds: float) -> None:
        """The step that was last observed took so long, planning included."""
        if self.fixed is None and not self._still:
            self._evidence.timed(seconds)
