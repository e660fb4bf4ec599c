"""The scheduler with a fake runner that writes what a real one would into a fake arena."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.plan import Plan, Sample
from proxyfuse.sampling import SamplingParams
from proxyfuse.scheduler import Scheduler
from proxyfuse.sequence import Lane, Sequence, Status
from proxyfuse.trio import Role, Trio

SMALL = KVShape(1, 1, 12, 4)
GEOMETRY = Geometry(  # 4 slots a page for the base, 10 for the others
    Trio({Role.BASE: KVShape(4, 1, 8, 4), Role.EXPERT: SMALL, Role.ANTIEXPERT: SMALL}), page_size=4
)
ALL = tuple(Role)


def target(sequence: Sequence, row: int) -> int:
    """The token that the fake sampler draws for a row."""
    return 100 + (7 * row + 3 * sequence.index + len(sequence.request_id)) % 5


def draft(sequence: Sequence, row: int) -> int:
    """The token that the fake expert proposes: often, not always, the target."""
    return target(sequence, row) + (row % 3 == 2)


@dataclass
class Runner:
    """Runs plans: writes content that depends on the whole prefix, reads it back for every sample.

    A page belongs to whichever role wrote last; another role's writing destroys what it held.
    """

    rows: int
    sampler_rows: int
    pages: dict[int, tuple[Role, dict[int, int]]] = field(default_factory=dict)
    fed: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, 0))
    first_tokens: list[int] = field(default_factory=list)

    def run(self, plan: Plan) -> list[list[int]]:
        self.check_budgets(plan)
        self.check_lock_step(plan)
        drafts = {sample.sequence: self.drafts(sample) for sample in plan.samples}
        for role, slices in plan.slices.items():
            for piece in slices:
                tokens = self.tokens(piece.sequence, piece.lane, drafts.get(piece.sequence, []))
                self.write(role, piece.lane, tokens, piece.start, piece.stop)
        for sample in plan.samples:
            for role, lane in sample.sequence.lanes.items():
                self.read(role, lane, self.tokens(sample.sequence, lane, drafts[sample.sequence]))
        return [self.draw(sample, drafts[sample.sequence]) for sample in plan.samples]

    def check_budgets(self, plan: Plan) -> None:
        for slices in plan.slices.values():
            assert sum(piece.stop - piece.start for piece in slices) <= self.rows
            assert len({piece.sequence for piece in slices}) == len(slices)
        assert sum(sample.count for sample in plan.samples) <= self.sampler_rows
        widths = [len(sample.sequence.lanes) for sample in plan.samples]
        assert widths == sorted(widths, reverse=True)

    def check_lock_step(self, plan: Plan) -> None:
        sampled = {sample.sequence: sample for sample in plan.samples}
        assert len(sampled) == len(plan.samples)
        slices = {(p.sequence, role): p for role, ps in plan.slices.items() for p in ps}
        for sequence, sample in sampled.items():
            assert sample.row == sequence.row and sample.count >= 1
            assert all((sequence, role) in slices for role in sequence.lanes)
        for (sequence, role), piece in slices.items():
            assert piece.lane is sequence.lanes[role] and sequence.status is Status.RUNNING
            assert 0 <= piece.start < piece.stop == piece.lane.computed
            first = len(piece.lane.prompt) - 1 + sequence.row
            if sequence in sampled:
                assert piece.start <= first and piece.stop == first + sampled[sequence].count
            else:
                assert piece.stop <= first

    def drafts(self, sample: Sample) -> list[int]:
        known = len(sample.sequence.continuation)
        return [draft(sample.sequence, row) for row in range(known, sample.row + sample.count - 1)]

    def tokens(self, sequence: Sequence, lane: Lane, drafts: list[int]) -> list[int]:
        return [*lane.prompt, *sequence.continuation, *drafts]

    def write(self, role: Role, lane: Lane, tokens: list[int], start: int, stop: int) -> None:
        self.fed[role] += stop - start
        for position in range(start, stop):
            page, offset = self.slot(role, lane, position)
            assert position >= lane.published * GEOMETRY.slots[role], "wrote a published page"
            owner, content = self.pages.get(page, (None, {}))
            if owner is not role:
                self.pages[page] = (role, content := {})
            content[offset] = hash((role, *tokens[: position + 1]))

    def read(self, role: Role, lane: Lane, tokens: list[int]) -> None:
        for position in range(lane.computed):
            page, offset = self.slot(role, lane, position)
            owner, content = self.pages[page]
            assert owner is role, "read a page that another role wrote"
            assert content[offset] == hash((role, *tokens[: position + 1])), "read another's tokens"

    def slot(self, role: Role, lane: Lane, position: int) -> tuple[int, int]:
        index, offset = divmod(position, GEOMETRY.slots[role])
        return lane.pages[index], offset

    def draw(self, sample: Sample, drafts: list[int]) -> list[int]:
        """The targets of the rows that were not known, kept as far as the drafts agree."""
        sequence = sample.sequence
        known = len(sequence.continuation)
        if known == 0 and sample.row + sample.count > 0 and not sequence.given:
            self.first_tokens.append(sequence.arrival)
        rows = range(max(known, sample.row), sample.row + sample.count)
        kept = []
        for row, proposed in zip(rows, [*drafts, None], strict=False):
            kept.append(target(sequence, row))
            if kept[-1] != proposed or len(kept) + known == sequence.params.max_tokens:
                break
        return kept


def sequence(
    name: str,
    prompts: list[tuple[int, ...]],
    *,
    index: int = 0,
    n: int = 1,
    max_tokens: int = 3,
    given: tuple[int, ...] = (),
    row: int = 0,
    salt: bytes = b"",
    cacheable: bool = True,
) -> Sequence:
    """A sequence with a lane per prompt: three, or one for the base alone."""
    roles = ALL if len(prompts) == 3 else (Role.BASE,)
    return Sequence(
        request_id=name,
        index=index,
        params=SamplingParams(n=n, max_tokens=max_tokens),
        alpha=1.0,
        seed=0,
        lanes=Trio({role: Lane(prompt) for role, prompt in zip(roles, prompts, strict=True)}),
        continuation=list(given),
        given=len(given),
        row=row,
        salt=salt,
        cacheable=cacheable,
    )


def scheduler(pages: int = 100, **options: int | bool) -> Scheduler:
    defaults: dict[str, int | bool] = {"max_num_seqs": 8, "max_num_batched_tokens": 64}
    return Scheduler(GEOMETRY, pages, **(defaults | options))  # type: ignore[arg-type]


def finished(sequence: Sequence) -> bool:
    if sequence.given:
        return sequence.row == sequence.given
    return len(sequence.continuation) == sequence.params.max_tokens


def step(scheduler: Scheduler, runner: Runner) -> Plan:
    """Plan, run, settle and retire, with the books checked at each point."""
    plan = scheduler.plan()
    scheduler.check()
    assert plan.empty <= scheduler.idle, "nothing to run although something waits"
    scheduler.settle(plan, runner.run(plan))
    scheduler.check()
    for sample in plan.samples:
        if finished(sample.sequence):
            scheduler.retire(sample.sequence)
            assert not any(lane.pages for lane in sample.sequence.lanes.values())
    scheduler.check()
    return plan


def drain(scheduler: Scheduler, runner: Runner, limit: int = 3000) -> list[Plan]:
    plans = []
    while not scheduler.idle:
        plans.append(step(scheduler, runner))
        assert len(plans) < limit, "no end in sight"
    pool = scheduler.ledger.pool
    assert pool.held == 0 and pool.available == pool.total
    return plans


def test_a_sequence_decodes_one_row_a_step() -> None:
    sched, runner = scheduler(), Runner(64, 256)
    one = sequence("a", [(1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3)], max_tokens=3)
    sched.add(one)
    plans = drain(sched, runner)
    spans = [[(p.start, p.stop) for (p,) in plan.slices.values()] for plan in plans]
    assert spans == [
        [(0, 3), (0, 5), (0, 3)],
        [(3, 4), (5, 6), (3, 4)],
        [(4, 5), (6, 7), (4, 5)],
    ]
    assert one.continuation == [target(one, row) for row in range(3)]


def test_lanes_wait_for_each_other_before_the_last_token() -> None:
    sched, runner = scheduler(max_num_batched_tokens=4), Runner(4, 256)
    sched.add(sequence("a", [(1, 2), tuple(range(9)), (1, 2)], max_tokens=1))
    spans = [
        [[(p.start, p.stop) for p in ps] for ps in plan.slices.values()]
        for plan in drain(sched, runner)
    ]
    assert spans == [
        [[(0, 1)], [(0, 4)], [(0, 1)]],
        [[], [(4, 8)], []],
        [[(1, 2)], [(8, 9)], [(1, 2)]],
    ]


def test_given_tokens_are_scored_many_rows_at_once() -> None:
    sched, runner = scheduler(max_sampled_rows=4), Runner(64, 4)
    one = sequence("a", [(1, 2, 3)] * 3, given=tuple(range(50, 56)))
    sched.add(one)
    assert [[(s.row, s.count) for s in plan.samples] for plan in drain(sched, runner)] == [
        [(0, 4)],
        [(4, 2)],
    ]
    assert one.continuation == list(range(50, 56)) and runner.fed[Role.BASE] == 3 + 6 - 1


def test_prompt_rows_and_the_first_draw_share_a_step() -> None:
    sched, runner = scheduler(), Runner(64, 256)
    one = sequence("a", [(1, 2, 3, 4)] * 3, row=-3, cacheable=False, max_tokens=2)
    sched.add(one)
    rows = [[(s.row, s.count) for s in plan.samples] for plan in drain(sched, runner)]
    assert rows == [[(-3, 4)], [(1, 1)]]
    assert one.continuation == [target(one, 0), target(one, 1)]


@pytest.mark.parametrize("caching", [True, False])
def test_siblings_share_the_pages_of_their_prompt(caching: bool) -> None:
    sched, runner = scheduler(enable_prefix_caching=caching), Runner(64, 256)
    prompt = tuple(range(21))
    for index in range(4):
        sched.add(sequence("a", [prompt] * 3, index=index, n=4, max_tokens=2))
    plans = drain(sched, runner)
    assert [len(plan.samples) for plan in plans] == [1, 4, 3]
    assert runner.fed == {  # 21 once, then what is past the last full page; 1 decode each
        Role.BASE: 21 + 3 * 1 + 4,
        Role.EXPERT: 21 + 3 * 1 + 4,
        Role.ANTIEXPERT: 21 + 3 * 1 + 4,
    }


def test_a_hit_stops_before_the_last_token() -> None:
    sched, runner = scheduler(), Runner(64, 256)
    for name in ("a", "b"):
        sched.add(sequence(name, [tuple(range(20))], max_tokens=1))
        drain(sched, runner)
    assert runner.fed[Role.BASE] == 20 + 4  # five pages of four, but the last must be computed


@pytest.mark.parametrize(
    "change", [{"salt": b"other"}, {"cacheable": False}, {"caching": False}], ids=str
)
def test_strangers_share_nothing(change: dict[str, bool]) -> None:
    change = dict(change)
    sched = scheduler(enable_prefix_caching=change.pop("caching", True))
    runner = Runner(64, 256)
    sched.add(sequence("a", [tuple(range(20))], max_tokens=1))
    sched.add(sequence("b", [tuple(range(20))], max_tokens=1, **change))  # type: ignore[arg-type]
    assert len(drain(sched, runner)) == 1
    assert runner.fed[Role.BASE] == 40


def test_standing_aside_lets_others_pass_but_keeps_its_place() -> None:
    sched, runner = scheduler(max_num_seqs=2), Runner(64, 256)
    prompts = [(1,) * 9, (1,) * 9, (2,) * 9]
    for name, prompt in zip("abc", prompts, strict=True):
        sched.add(sequence(name, [prompt], max_tokens=3))
    order = [[s.sequence.request_id for s in plan.samples] for plan in drain(sched, runner)]
    assert order[:2] == [["a"], ["a", "b"]]  # two slots: c does not take b's


def test_the_latest_arrival_is_preempted() -> None:
    sched, runner = scheduler(pages=10), Runner(64, 256)
    a, b = (sequence(name, [(ord(name),) * 7], max_tokens=30) for name in "ab")
    sched.add(a)
    sched.add(b)
    plans = drain(sched, runner)
    victims = [victim for plan in plans for victim in plan.preempted]
    assert victims and set(victims) == {b}
    assert len(a.continuation) == len(b.continuation) == 30


def test_admission_leaves_room_for_the_prompts_that_are_still_being_read() -> None:
    sched, runner = scheduler(pages=20, max_num_batched_tokens=8), Runner(8, 256)
    sched.add(sequence("a", [(1,) * 60], max_tokens=1))
    sched.add(sequence("b", [(2,) * 30], max_tokens=1))
    plans = drain(sched, runner)
    assert not any(plan.preempted for plan in plans)


@pytest.mark.parametrize("moment", ["waiting", "reading", "writing", "launched"])
def test_abort_frees_everything_at_once(moment: str) -> None:
    sched, runner = scheduler(max_num_batched_tokens=8), Runner(8, 256)
    for index in range(2):
        sched.add(sequence("a", [tuple(range(20))], index=index, n=2, max_tokens=9))
    steps = {"waiting": 0, "reading": 1, "writing": 5, "launched": 2}[moment]
    for _ in range(steps):
        step(sched, runner)
    plan = sched.plan() if moment == "launched" else None
    gone = sched.abort("a")
    assert len(gone) == 2 and all(s.status is Status.FINISHED for s in gone)
    assert sched.idle and sched.ledger.pool.held == 0
    if plan is not None:
        sched.settle(plan, [[1] for _ in plan.samples])
    assert not any(s.continuation for s in gone) or moment == "writing"
    sched.check()
    assert sched.abort("a") == [] and sched.plan().empty


def test_pages_needed_is_what_is_held_at_the_end() -> None:
    for tokens in range(1, 12):
        sched, runner = scheduler(), Runner(64, 256)
        one = sequence("a", [(1,) * 5, (2,) * 7, (3,) * 5], max_tokens=tokens)
        sched.add(one)
        most = 0
        while not sched.idle:
            plan = sched.plan()
            most = max(most, sched.ledger.pool.held)
            sched.settle(plan, runner.run(plan))
            if finished(one):
                sched.retire(one)
        prompts = one.lanes.map(lambda lane: len(lane.prompt))
        assert sched.pages_needed(prompts, tokens) == most


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 8)), min_size=1, max_size=12),
    budget=st.integers(1, 40),
    slots=st.integers(1, 5),
    extra=st.integers(0, 30),
)
def test_first_tokens_come_in_order_of_arrival(
    lengths: list[tuple[int, int]], budget: int, slots: int, extra: int
) -> None:
    need = max(
        scheduler().pages_needed(Trio(dict.fromkeys(Role, prompt)), tokens)
        for prompt, tokens in lengths
    )
    sched = scheduler(need + extra, max_num_seqs=slots, max_num_batched_tokens=budget)
    runner = Runner(budget, 256)
    for number, (prompt, tokens) in enumerate(lengths):
        sched.add(sequence(str(number), [(number,) * prompt] * 3, max_tokens=tokens))
    drain(sched, runner)
    assert runner.first_tokens == sorted(runner.first_tokens)
    assert set(runner.first_tokens) == set(range(len(lengths)))


class Traffic(RuleBasedStateMachine):
    """Any order of arrivals, steps and aborts, in a pool that barely holds the longest sequence."""

    @initialize(
        extra=st.integers(0, 12),
        slots=st.integers(1, 4),
        rows=st.integers(1, 12),
        sampler_rows=st.integers(1, 9),
        caching=st.booleans(),
        ahead=st.integers(0, 3),
    )
    def start(
        self, extra: int, slots: int, rows: int, sampler_rows: int, caching: bool, ahead: int
    ) -> None:
        need = scheduler().pages_needed(Trio(dict.fromkeys(Role, 20)), 8)
        self.sched = Scheduler(
            GEOMETRY,
            need + extra,
            max_num_seqs=slots,
            max_num_batched_tokens=rows,
            max_sampled_rows=sampler_rows,
            enable_prefix_caching=caching,
            drafts=lambda sequence: min(ahead, 7 - len(sequence.continuation)),
        )
        self.runner = Runner(rows, sampler_rows)
        self.all: list[Sequence] = []

    @rule(
        stems=st.lists(st.integers(0, 1), min_size=3, max_size=3),
        lengths=st.lists(st.integers(1, 20), min_size=3, max_size=3),
        alone=st.booleans(),
        n=st.integers(1, 3),
        max_tokens=st.integers(1, 8),
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
TestTraffic.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
