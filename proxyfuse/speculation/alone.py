"""What is drafted for a sequence that has steps to itself: what gives most tokens a second."""

from __future__ import annotations

from math import inf, log

from proxyfuse.plan import NOTHING, Draft
from proxyfuse.sequence import Sequence
from proxyfuse.speculation.choice import LENGTHS, Choice, Source
from proxyfuse.speculation.drafting import Decision, Drafting
from proxyfuse.speculation.evidence import Evidence
from proxyfuse.speculation.fared import Verified, agreeing
from proxyfuse.trio import Role

TRIAL = 1  # drafts of such a trial as `Drafting.patience` allows
REST = 8  # steps for which a sequence that nothing is drafted for is not asked about again
NEW = 6  # at most, where only the text can tell and says nothing, look after look; every seventh
# step, then: what comes in threes or eights is not always looked at where it says nothing
STANDS = 8  # steps for which what was decided stands, at most: to choose is not free
FIRST = 2  # such steps where nothing is known of a text yet
LONGER = 2  # times the drafts that pay on the average, where drafting stops once they do not
HOPE = 0.9  # drafts that would not pay at this rate are not tried
MODELS = (Role.EXPERT, Role.ANTIEXPERT)


class Alone:
    """Decides from the evidence; ids at or above `vocab` are not drafted.

    longer: a model is asked for so many times the drafts that pay on the average.
    """

    def __init__(self, evidence: Evidence, vocab: int, longer: int = 1) -> None:
        self._evidence = evidence
        self._vocab = vocab
        self._longer = longer

    def draft(
        self, sequence: Sequence, drafting: Drafting, room: int, drawer: Role | None
    ) -> Draft | Decision:
        """At most `room` tokens that were looked up, or what a model draws; afterwards
        `drafting.rest` says for how many steps it need not be asked again.

        drawer: who draws in this step already; None where nobody does.
        """
        drafting.idle += 1
        decision = drafting.decision
        if drafting.stands and decision is not None and drawer in (None, decision.drawer):
            drafting.stands -= 1
            return decision
        if len(sequence.lanes) == 1:
            return self._choose(sequence, drafting, room, ())
        return self._choose(sequence, drafting, room, MODELS if drawer is None else (drawer,))

    def _choose(
        self, sequence: Sequence, drafting: Drafting, room: int, drawers: tuple[Role, ...]
    ) -> Draft | Decision:
        """The source and number that promise most; where none pays, a trial or nothing."""
        fused = bool(drawers)
        choices: dict[Source, Choice] = {}
        for one in drawers:
            choices[one] = self._choice(drafting, one, fused)
        found = () if sequence.ahead else self._look_up(sequence, drafting, room)
        if found:
            drafting.new = 0
            choices[None] = self._choice(drafting, None, fused)
        if not choices:
            looked = sequence.continuation and not sequence.ahead  # a prompt says the same again
            drafting.new = min(drafting.new + 1, NEW) if looked else 0
            drafting.rest = drafting.new
            return NOTHING
        source = max(choices, key=lambda one: choices[one].gain)
        choice = choices[source]
        if not choice.length:
            return self._trial(drafting, drawers)
        drafting.idle = 0
        if source is not None:
            return self._decided(drafting, source, choice)
        drafting.source, drafting.guess = None, ()
        return Draft(tokens=found[: choice.length])

    def _look_up(self, sequence: Sequence, drafting: Drafting, room: int) -> tuple[int, ...]:
        """What the text says comes next; what it said the last time is compared with what came."""
        if drafting.guess:
            came = sequence.continuation[drafting.guessed_at :]
            held = agreeing(drafting.guess, came)
            tried = min(len(drafting.guess), len(came))
            self._evidence.learn(drafting, None, Verified(tried, held))
        drafting.guess = found = drafting.look_up(sequence, room, self._vocab)
        drafting.guessed_at = len(sequence.continuation)
        return found

    def _choice(self, drafting: Drafting, source: Source, fused: bool) -> Choice:
        rate = self._evidence.fared(drafting, source).rate
        return self._evidence.best(fused, source, rate, 1)

    def _trial(self, drafting: Drafting, drawers: tuple[Role, ...]) -> Draft | Decision:
        """A model that promises little is tried now and then, the least tried first."""
        evidence = self._evidence
        drafting.rest = REST
        if drafting.idle < drafting.patience or not drawers:
            return NOTHING
        drawer = min(drawers, key=lambda one: evidence.fared(drafting, one).trials)
        if not evidence.best(True, drawer, HOPE, 1).length and not drafting.forgotten:
            return NOTHING
        drafting.idle = drafting.rest = 0
        return Decision(drawer, TRIAL, -inf, 1.0)

    def _decided(self, drafting: Drafting, source: Role, choice: Choice) -> Decision:
        """Stands the longer, the more of the source's drafts were verified.

        It does not where the text may soon say what comes next: such drafts cost nothing to draw.
        """
        fared = self._evidence.fared(drafting, source)
        rival = self._choice(drafting, None, True).gain
        drafting.stands = min(STANDS, FIRST + int(fared.trials)) if rival < choice.gain else 0
        drafting.decision = Decision(
            source,
            min(self._longer * choice.length, LENGTHS[-1]),
            log(choice.worth),
            fared.steepness,
        )
        return drafting.decision
