"""Continuous batching: who runs in the next step, and how far."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as Seq
from itertools import takewhile

from proxyfuse.cache import Geometry, Ledger
from proxyfuse.plan import Plan, Sample
from proxyfuse.scheduler.step import Step
from proxyfuse.sequence import Sequence, Status
from proxyfuse.trio import Trio


def no_drafts(sequence: Sequence) -> int:
    """Plain decoding: nothing is proposed ahead."""
    return 0


class Scheduler:
    """First come, first served, in steps: `plan`, run it, `settle` it, `retire` what is finished.

    There is no prefill and no decode: a step lets each lane's `computed` catch up, as far as
    `max_num_batched_tokens` rows a role and `max_sampled_rows` rows of the sampler go, the earliest
    arrival first. A sequence short of pages takes them from the latest arrival, which waits
    again and recomputes; so the earliest always gets on if it fits the pool alone (`pages_needed`).

    `drafts(sequence)` says how many tokens beyond the next one are to be verified in this step.
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
        drafts: Callable[[Sequence], int] = no_drafts,
    ) -> None:
        self.ledger = Ledger(geometry, pages, caching=enable_prefix_caching)
        self._roles = geometry.slots.roles
        self._max_num_seqs = max_num_seqs
        self._rows = max_num_batched_tokens
        self._sampler_rows = max_sampled_rows or max(max_num_seqs, 256)
        self._drafts = drafts
        self._waiting: deque[Sequence] = deque()  # both in order of arrival
        self._running: list[Sequence] = []
        self._arrivals = 0

    @property
    def running(self) -> int:
        """Sequences that hold pages."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Sequences that are queued, new or preempted."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether every sequence added was retired."""
        return not self._running and not self._waiting

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
        sequence.arrival = self._arrivals
        self._arrivals += 1
        self._waiting.append(sequence)

    def plan(self) -> Plan:
        """Decide one step and count it as computed. Pages are held, so that it can be launched."""
        step = Step(self._roles, self._rows, self._sampler_rows)
        preempted = self._continue(step)
        if not preempted:
            self._admit(step)
        return step.plan(preempted)

    def settle(self, plan: Plan, kept: Seq[Seq[int]]) -> None:
        """The plan was run: kept[i] are the drawn tokens that plan.samples[i] adds to its sequence.

        Rows whose token was known beforehand (given, or of the prompt) add none. Keeping fewer
        tokens than were drawn takes the lanes back to them. Retired sequences are skipped.
        """
        for sample, tokens in zip(plan.samples, kept, strict=True):
            if sample.sequence.status is Status.RUNNING:
                _keep(sample, tokens)
        for role, slices in plan.slices.items():
            for piece in slices:
                if piece.sequence.status is Status.RUNNING:
                    self.ledger.publish(piece.sequence, role, piece.lane)

    def retire(self, sequence: Sequence) -> None:
        """The sequence is finished, whatever its state, and gives back all it holds at once."""
        if sequence.status is Status.RUNNING:
            self._running.remove(sequence)
        elif sequence.status is Status.WAITING:
            self._waiting.remove(sequence)
        sequence.status = Status.FINISHED
        self.ledger.release(sequence)

    def abort(self, request_id: str) -> list[Sequence]:
        """Retire all sequences of a request; returns those that were still alive."""
        alive = [s for s in (*self._running, *self._waiting) if s.request_id == request_id]
        for sequence in alive:
            self.retire(sequence)
        return alive

    def check(self) -> None:
        """The ledger balances and the queues are in order. For tests."""
        self.ledger.check(self._running)
        for queue, status in ((self._running, Status.RUNNING), (self._waiting, Status.WAITING)):
            arrivals = [sequence.arrival for sequence in queue]
            assert arrivals == sorted(arrivals), "a queue is out of order"
            assert all(sequence.status is status for sequence in queue)
        assert not any(lane.pages for s in self._waiting for lane in s.lanes.values())

    def _continue(self, step: Step) -> list[Sequence]:
        """Spend on what runs already; returns what had to be preempted for it, latest first."""
        preempted: list[Sequence] = []
        index = 0
        while index < len(self._running):
            sequence = self._running[index]
            while sequence.status is Status.RUNNING and not self._spend(step, sequence):
                preempted.append(self._preempt_latest())
            index += 1
        return preempted

    def _admit(self, step: Step) -> None:
        """Let waiting sequences in while slots, rows and pages last.

        A sequence comes in only if all its tokens so far fit beside what the running ones are still
        owed and one page for each of their lanes: otherwise it would soon be preempted again. If
        the next page of its prompt is being computed in this very step, it stands aside with its
        slot and pages reserved, and finds the page known in a later step.
        """
        slots = self._max_num_seqs - len(self._running)
        if not self._waiting or slots <= 0:
            return
        spare = self._spare()
        aside: list[Sequence] = []
        while self._waiting and slots and spare > 0:
            sequence = self._waiting[0]
            found = self.ledger.match(sequence)
            price = self.ledger.price(sequence, found)
            if price > spare or not all(step.rows[role] for role in sequence.lanes):
                break
            self._waiting.popleft()
            slots -= 1
            spare -= price + len(sequence.lanes)
            if any(name in step.filling for name in self.ledger.misses(sequence, found)):
                aside.append(sequence)
            else:
                self._start(step, sequence, found)
        self._waiting.extendleft(reversed(aside))

    def _spare(self) -> int:
        """Available pages beyond what running lanes are owed and one for each of them."""
        kept = sum(self.ledger.owed(sequence) + len(sequence.lanes) for sequence in self._running)
        return self.ledger.pool.available - kept

    def _start(self, step: Step, sequence: Sequence, found: list[list[int]]) -> None:
        self.ledger.adopt(sequence, found)
        sequence.status = Status.RUNNING
        insort(self._running, sequence, key=_arrival)  # it may have stood aside for later ones
        fits = self._spend(step, sequence)
        assert fits, "admitted without pages"

    def _spend(self, step: Step, sequence: Sequence) -> bool:
        """Spend what is left of the step on one running sequence.

        False, and nothing changed, if the pool lacks a page for that.
        """
        count = step.count(sequence, self._wanted(sequence))
        stops = step.stops(sequence, count)
        covered = self.ledger.cover(sequence, stops)
        if not covered and count > 1:  # no other sequence gives up its pages for more than one row
            count, stops = 1, step.stops(sequence, 1)
            covered = self.ledger.cover(sequence, stops)
        if covered:
            if self._waiting:
                step.filling.update(self.ledger.fills(sequence, stops))
            step.take(sequence, stops, count)
        return covered

    def _wanted(self, sequence: Sequence) -> int:
        """Rows worth sampling: of known tokens and, while writing, the next and its drafts."""
        known = len(sequence.continuation) - sequence.row
        if sequence.given:
            assert known > 0, "everything given was scored: it should have been retired"
            return known
        return known + 1 if known else 1 + self._drafts(sequence)

    def _preempt_latest(self) -> Sequence:
        """Back to waiting, in order of arrival, to be computed again from its tokens."""
        victim = self._running.pop()
        self.ledger.release(victim)
        victim.status = Status.WAITING
        earlier = sum(1 for _ in takewhile(lambda s: s.arrival < victim.arrival, self._waiting))
        self._waiting.insert(earlier, victim)
        return victim


def _arrival(sequence: Sequence) -> int:
    return sequence.arrival


def _keep(sample: Sample, tokens: Seq[int]) -> None:
    """Append drawn tokens, move on to the row after them, take back what was computed past it."""
    sequence = sample.sequence
    known = min(sample.count, len(sequence.continuation) - sample.row)
    settled = known + len(tokens)
    assert settled <= sample.count, "more tokens kept than drawn"
    sequence.continuation.extend(tokens)
    sequence.row = sample.row + settled
    if settled < sample.count:
        for lane in sequence.lanes.values():
            lane.computed = min(lane.computed, sequence.front(lane))
