"""What the scheduler decides, step by step, and that it is fair."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxyfuse.plan import Draft
from proxyfuse.sequence import Sequence, Status
from proxyfuse.trio import Role, Trio
from tests.scheduler.fake_runner import Runner, drain, finished, scheduler, sequence, step, target


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


def test_admission_leaves_room_for_prompts_that_are_still_being_read() -> None:
    sched, runner = scheduler(pages=10, max_num_batched_tokens=8), Runner(8, 256)
    sched.add(sequence("a", [(1,), (1,) * 60, (1,)], max_tokens=1))  # 8 pages, 3 in the first step
    sched.add(sequence("b", [(2,) * 7], max_tokens=20))
    assert not any(plan.preempted for plan in drain(sched, runner))


@pytest.mark.parametrize("together", [True, False])
def test_admission_leaves_a_page_for_each_running_lane(together: bool) -> None:
    sched, runner = scheduler(pages=4), Runner(64, 256)
    sched.add(sequence("a", [(1,) * 7], max_tokens=9))  # 2 pages now, 4 in the end
    if not together:
        step(sched, runner)
    sched.add(sequence("b", [(2,) * 7], max_tokens=2))
    assert not any(plan.preempted for plan in drain(sched, runner))


def test_drafts_preempt_nobody() -> None:
    def ahead(one: Sequence) -> Draft:
        return Draft(8 - len(one.continuation))

    sched, runner = scheduler(pages=7, drafts=ahead), Runner(64, 256)
    a, b = (sequence(name, [(ord(name),) * 3], max_tokens=9) for name in "ab")  # 3 pages in the end
    sched.add(a)
    sched.add(b)
    plans = drain(sched, runner)
    assert not any(plan.preempted for plan in plans)
    assert plans[0].samples[0].count == 9 and len(plans[0].samples) == 2


def test_pages_that_drafts_took_are_not_promised_again() -> None:
    sched, runner = (
        scheduler(pages=6, drafts=lambda one: Draft(8 - len(one.continuation))),
        Runner(64, 256),
    )
    sched.add(sequence("a", [(1,) * 3], max_tokens=9))  # one page, and two for drafts
    sched.add(sequence("b", [(2,) * 14], max_tokens=1))
    plans = drain(sched, runner)
    assert [s.sequence.request_id for s in plans[0].samples] == ["a"]


def test_many_rows_become_one_where_pages_are_scarce() -> None:
    sched, runner = scheduler(pages=3), Runner(64, 256)
    one = sequence("a", [(1,) * 3], given=tuple(range(8)))  # 10 tokens are fed: 3 pages
    sched.add(one)
    counts = [plan.samples[0].count for plan in drain(sched, runner)]
    assert counts[0] == 1 and sum(counts) == 8


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


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 40)), min_size=2, max_size=8),
    budget=st.integers(1, 40),
    slots=st.integers(1, 5),
    extra=st.integers(0, 12),
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


def test_who_may_be_let_in_next_is_told_unless_pages_were_short() -> None:
    sched, runner = scheduler(pages=10, max_num_seqs=3), Runner(64, 256)
    for name in "abcd":
        sched.add(sequence(name, [(ord(name),) * 24], max_tokens=5))
    assert sched.coming == 3, "as slots go"
    step(sched, runner)
    assert 0 < sched.running < 3 and sched.waiting and not sched.coming
    drain(sched, runner)
    sched.add(sequence("e", [(1, 2, 3)], max_tokens=2))
    assert sched.coming == 1
