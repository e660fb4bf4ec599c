"""Continuous batching: who runs in the next step, and how far."""

from __future__ import annotations

from collections.abc import Sequence as Seq

from proxyfuse.cache import Geometry, Ledger
from proxyfuse.plan import Plan
from proxyfuse.scheduler.queues import Queues
from proxyfuse.scheduler.rows import Drafts, no_drafts, settle_rows, wanted
from proxyfuse.scheduler.step import Step
from proxyfuse.sequence import Sequence, Status
from proxyfuse.trio import Trio


class Scheduler:
    """First come, first served, in steps: `plan`, run it, `settle` it, `retire` what is finished.

    There is no prefill and no decode: a step lets each lane's `computed` catch up, as far as
    `max_num_batched_tokens` rows a role and `max_sampled_rows` rows of the sampler go, the earliest
    arrival first. A sequence short of pages takes them from the latest arrival, which waits
    again and recomputes; so the earliest always gets on if it fits the pool alone (`pages_needed`).
    """

    def __init__(
        self,
        geometry: Geometry,
        pages: int,
        *,
        max_num_seqs: int,
        max_num_batched_tokens: int,
        max_sampled_rows: int | None = None,
        enable_prefix_caching: bool = True,
        drafts: Drafts = no_drafts,
    ) -> None:
        self.ledger = Ledger(geometry, pages, caching=enable_prefix_caching)
        self._roles = geometry.slots.roles
        self._max_num_seqs = max_num_seqs
        self._rows = max_num_batched_tokens
        self._sampler_rows = max_sampled_rows or max(max_num_seqs, 256)
        self._drafts = drafts
        self._queues = Queues()
        self._short = False  # of pages: the last step let nobody else in

    @property
    def coming(self) -> int:
        """Waiting sequences that the next step may let in; none if pages were short in the last."""
        return 0 if self._short else min(self.waiting, self._max_num_seqs - self.running)

    @property
    def running(self) -> int:
        """Sequences that hold pages."""
        return len(self._queues.running)

    @property
    def waiting(self) -> int:
        """Sequences that are queued, new or preempted."""
        return len(self._queues.waiting)

    @property
    def idle(self) -> bool:
        """Whether every sequence added was retired."""
        return not self._queues.running and not self._queues.waiting

    def pages_needed(self, prompts: Trio[int], tokens: int) -> int:
        """The most pages that one sequence ever holds.

        prompts: prompt length of each lane, in tokens. tokens: the longest continuation, the last
        token of which is never fed to a model. A sequence that needs more than `ledger.pool.total`
        must not be added: it could never finish.
        """
        pages_for = self.ledger.geometry.pages_for
        return sum(pages_for(role, length + tokens - 1) for role, length in prompts.items())

    def add(self, sequence: Sequence) -> None:
        """Queue a new sequence behind all others."""
        self._queues.add(sequence)

    def plan(self) -> Plan:
        """Decide one step and count it as computed. Its pages are held: it can be launched."""
        step = Step(self._roles, self._rows, self._sampler_rows)
        preempted = self._continue(step)
        self._admit(step)
        return step.plan(preempted)

    def settle(self, plan: Plan, kept: Seq[Seq[int]]) -> None:
        """The plan was run: kept[i] are the drawn tokens that plan.samples[i] adds to its sequence.

        Plans are settled in their order; one more may have been made in the meantime.
        Rows whose token was known beforehand (given, or of the prompt) add none. Keeping fewer
        tokens than were drawn takes the lanes back to them. Retired sequences are skipped.
        """
        for sample, tokens in zip(plan.samples, kept, strict=True):
            if sample.sequence.status is not Status.FINISHED:  # it may have been preempted since
                settle_rows(sample, tokens)
        for role, slices in plan.slices.items():
            for piece in slices:  # a retired lane has computed nothing, and publishes nothing
                self.ledger.publish(piece.sequence, role, piece.lane)

    def retire(self, sequence: Sequence) -> None:
        """The sequence is finished, whatever its state, and gives back all it holds at once."""
        self._queues.finish(sequence)
        self.ledger.release(sequence)

    def abort(self, request_id: str) -> list[Sequence]:
        """Retire all sequences of a request; returns those that were still alive."""
        queued = (*self._queues.running, *self._queues.waiting)
        alive = [sequence for sequence in queued if sequence.request_id == request_id]
        for sequence in alive:
            self.retire(sequence)
        return alive

    def check(self) -> None:
        """The ledger balances and the queues are in order. For tests."""
        self._queues.check()
        self.ledger.check(self._queues.running)

    def _continue(self, step: Step) -> list[Sequence]:
        """Spend on what runs already; returns what had to be preempted for it, latest first."""
        preempted: list[Sequence] = []
        index = 0
        while index < len(self._queues.running):
            sequence = self._queues.running[index]
            while sequence.status is Status.RUNNING and not self._spend(step, sequence):
                victim = self._queues.preempt_latest()
                self.ledger.release(victim)
                preempted.append(victim)
            index += 1
        return preempted

    def _admit(self, step: Step) -> None:
        """Let waiting sequences in while slots, rows and pages last.

        A sequence comes in only if all its tokens so far fit beside what the running ones are still
        owed and one page for each of their lanes: otherwise it would soon be preempted again. If
        the next page of its prompt is being computed in this very step, it stands aside with its
        slot and pages reserved, and finds the page known in a later step.
        """
        waiting, ledger = self._queues.waiting, self.ledger
        slots = self._max_num_seqs - len(self._queues.running)
        spare = self._spare(step) if waiting and slots > 0 else 0
        aside: list[Sequence] = []
        last = None
        self._short = slots > 0 and bool(waiting) and spare <= 0
        while waiting and slots > 0 and spare > 0:
            sequence = waiting[0]
            if sequence.ahead or not all(step.rows[role] for role in sequence.lanes):
                break
            found = ledger.match(sequence, last)
            price = ledger.price(sequence, found)
            if price > spare:
                self._short = True
                break
            last = waiting.popleft()
            available = ledger.pool.available
            if any(name in step.filling for name in ledger.misses(sequence, found)):
                aside.append(sequence)
            else:
                self._start(step, sequence, found)
            slots -= 1
            taken = available - ledger.pool.available  # more than the price where drafts took pages
            spare -= max(price, taken) + len(sequence.lanes)
        waiting.extendleft(reversed(aside))

    def _start(self, step: Step, sequence: Sequence, found: list[list[int]]) -> None:
        self.ledger.adopt(sequence, found)
        self._queues.start(sequence)
        fits = self._spend(step, sequence)
        assert fits, "admitted without pages"

    def _spare(self, step: Step) -> int:
        """Available pages beyond what running lanes are owed and one for each of them."""
        lanes = sum(len(sequence.lanes) for sequence in self._queues.running)
        owed = sum(map(self.ledger.owed, step.behind))
        return self.ledger.pool.available - lanes - owed

    def _spend(self, step: Step, sequence: Sequence) -> bool:
        """Spend what is left of the step on one running sequence.

        False, and nothing changed, if the pool lacks a page for that. For more than one row, pages
        are taken only while every running lane can have another: none is preempted for drafts.
        """
        rows, draft = wanted(sequence, self._drafts)
        if not rows:
            return True
        fronts = sequence.fronts()
        count = step.count(sequence, fronts, rows)
        stops = step.stops(sequence, fronts, count)
        spared = len(self._roles) * len(self._queues.running) if count > 1 else 0
        covered = self.ledger.cover(sequence, stops, spared)
        if not covered and count > 1:
            count, stops = 1, step.stops(sequence, fronts, 1)
            covered = self.ledger.cover(sequence, stops)
        if covered:
            if self._queues.waiting:
                step.filling.update(self.ledger.fills(sequence, stops))
            step.take(sequence, stops, count, draft)
            if count < rows:
                step.behind.append(sequence)
        return covered
