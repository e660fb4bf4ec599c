"""A fake runner over a fake arena, and sequences with made-up tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.plan import Draft, Plan, Sample
from proxyfuse.sampling import SamplingParams
from proxyfuse.scheduler import Scheduler
from proxyfuse.scheduler.rows import Drafts
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


def proposal(sequence: Sequence, length: int) -> Draft:
    """Drafts to be drawn for every other sequence, named ones for the rest: the same tokens."""
    if sequence.arrival % 2:
        return Draft(length)
    row = len(sequence.continuation)
    return Draft(tokens=tuple(draft(sequence, row + step) for step in range(length)))


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
        assert all(victim.status is Status.WAITING for victim in plan.preempted)
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
        if sample.proposed:
            assert not sample.drawn and sample.drafts == sample.count - 1
            return list(sample.proposed)
        assert sample.drawn == max(0, sample.row + sample.count - 1 - known)
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


def scheduler(pages: int = 100, **options: int | bool | Drafts) -> Scheduler:
    defaults: dict[str, int | bool | Drafts] = {"max_num_seqs": 8, "max_num_batched_tokens": 64}
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
