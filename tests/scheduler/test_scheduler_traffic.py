"""Any order of arrivals, steps, preemptions and aborts: books balance and every text is right."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from proxyfuse.scheduler import Scheduler
from proxyfuse.sequence import Sequence, Status
from proxyfuse.trio import Role, Trio
from tests.scheduler.fake_runner import (
    GEOMETRY,
    Runner,
    drain,
    finished,
    proposal,
    scheduler,
    sequence,
    step,
    target,
)


def _left(sequence: Sequence) -> int:
    return (sequence.params.max_tokens or 0) - len(sequence.continuation)


class Traffic(RuleBasedStateMachine):
    """Any order of arrivals, steps and aborts, in a pool that barely holds the longest sequence."""

    @initialize(
        extra=st.integers(0, 12),
        slots=st.integers(1, 4),
        rows=st.integers(1, 12),
        sampler_rows=st.integers(1, 9),
        caching=st.booleans(),
        ahead=st.integers(0, 7),
    )
    def start(
        self, extra: int, slots: int, rows: int, sampler_rows: int, caching: bool, ahead: int
    ) -> None:
        need = scheduler().pages_needed(Trio(dict.fromkeys(Role, 20)), 24)
        self.sched = Scheduler(
            GEOMETRY,
            need + extra,
            max_num_seqs=slots,
            max_num_batched_tokens=rows,
            max_sampled_rows=sampler_rows,
            enable_prefix_caching=caching,
            drafts=lambda sequence: proposal(sequence, min(ahead, _left(sequence) - 1)),
        )
        self.runner = Runner(rows, sampler_rows)
        self.all: list[Sequence] = []

    @rule(
        stems=st.lists(st.integers(0, 1), min_size=3, max_size=3),
        lengths=st.lists(st.integers(1, 20), min_size=3, max_size=3),
        alone=st.booleans(),
        n=st.integers(1, 3),
        max_tokens=st.integers(1, 24),
        given=st.sampled_from([0, 0, 1, 5, 8]),
        prompt_rows=st.booleans(),
        cacheable=st.booleans(),
        salt=st.sampled_from([b"", b"salt"]),
    )
    def arrive(
        self,
        stems: list[int],
        lengths: list[int],
        alone: bool,
        n: int,
        max_tokens: int,
        given: int,
        prompt_rows: bool,
        cacheable: bool,
        salt: bytes,
    ) -> None:
        if prompt_rows:
            stems, lengths, cacheable = [stems[0]] * 3, [lengths[0]] * 3, False
        prompts = [(stem,) * length for stem, length in zip(stems, lengths, strict=True)]
        name = str(len(self.all))
        for index in range(1 if given else n):
            one = sequence(
                name,
                prompts[:1] if alone else prompts,
                index=index,
                n=1 if given else n,
                max_tokens=max_tokens,
                given=tuple(range(given)),
                row=1 - lengths[0] if prompt_rows else 0,
                salt=salt,
                cacheable=cacheable,
            )
            self.all.append(one)
            self.sched.add(one)

    @rule(count=st.integers(1, 6))
    def steps(self, count: int) -> None:
        for _ in range(count):
            step(self.sched, self.runner)

    @precondition(lambda self: self.all)
    @rule(data=st.data(), launched=st.booleans())
    def abort(self, data: st.DataObject, launched: bool) -> None:
        victim = data.draw(st.sampled_from(self.all))
        plan = self.sched.plan() if launched else None
        kept = self.runner.run(plan) if plan else []
        self.sched.abort(victim.request_id)
        self.sched.check()
        assert not any(lane.pages for lane in victim.lanes.values())
        if plan is not None:
            self.sched.settle(plan, kept)
            for one in (sample.sequence for sample in plan.samples):
                if one.status is Status.RUNNING and finished(one):
                    self.sched.retire(one)
        self.sched.check()

    def teardown(self) -> None:
        if not hasattr(self, "sched"):
            return
        drain(self.sched, self.runner)
        for one in self.all:
            assert one.status is Status.FINISHED
            if not one.given:
                tokens = [target(one, row) for row in range(len(one.continuation))]
                assert one.continuation == tokens


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
