"""One step's budget: per role, per sampler, and all lanes or none in front of a sample."""

from __future__ import annotations

import pytest

from proxyfuse.plan import Draft
from proxyfuse.scheduler.step import Step
from proxyfuse.trio import Role
from tests.scheduler.fake_runner import sequence

PROMPTS = [(1,) * 3, (1,) * 6, (1,) * 3]


@pytest.mark.parametrize(
    ("rows", "sampler_rows", "count"), [(6, 9, 1), (9, 9, 4), (9, 2, 2), (5, 9, 0), (9, 0, 0)]
)
def test_the_scarcest_budget_decides(rows: int, sampler_rows: int, count: int) -> None:
    step, one = Step(tuple(Role), rows, sampler_rows), sequence("a", PROMPTS)
    assert step.count(one, one.fronts(), wanted=7) == count


def test_stops_without_a_sample_leave_the_last_token() -> None:
    one = sequence("a", PROMPTS)
    assert Step(tuple(Role), 4, 9).stops(one, one.fronts(), 0) == [2, 4, 2]
    assert Step(tuple(Role), 9, 0).stops(one, one.fronts(), 0) == [2, 5, 2]
    assert Step(tuple(Role), 9, 9).stops(one, one.fronts(), 2) == [4, 7, 4]


def test_what_is_taken_is_spent() -> None:
    step, one = Step(tuple(Role), 9, 9), sequence("a", PROMPTS)
    alone = sequence("b", [(1, 2)])
    step.take(alone, [2], 1, Draft())
    step.take(one, [4, 7, 4], 2, Draft(5))
    assert step.rows == [3, 2, 5] and step.sampler_rows == 6
    assert [lane.computed for lane in one.lanes.values()] == [4, 7, 4]
    plan = step.plan([])
    assert [(s.sequence, s.count) for s in plan.samples] == [(one, 2), (alone, 1)]
    assert [(s.proposed, s.drawn) for s in plan.samples] == [((), 1), ((), 0)]
    assert [len(slices) for slices in plan.slices.values()] == [2, 1, 1]


def test_a_lane_past_its_next_row_is_our_own_bug() -> None:
    one = sequence("a", [(1, 2)])
    one.lanes.base.computed = 2
    with pytest.raises(AssertionError, match="not settled"):
        Step((Role.BASE,), 9, 9).count(one, one.fronts(), 1)
