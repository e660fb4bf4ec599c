"""Which steps are timed, and what is remembered of whom."""

from __future__ import annotations

import pytest

from proxyfuse.plan import Plan, Sample, Slice
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.speculation.drafting import Drafting
from proxyfuse.speculation.evidence import FRESH, NOTED, PRIORS, SELDOM, WAITING, Evidence
from proxyfuse.speculation.fared import Verified, agreeing
from proxyfuse.trio import Role, Trio

WEIGHTS = {Role.BASE: 90, Role.EXPERT: 5, Role.ANTIEXPERT: 5}


def plan(lanes: int = 3, rows: int = 1, more: int = 0) -> Plan:
    """One sample of so many rows, and `more` rows of its prompt before them."""
    made = Trio({role: Lane((1, 2, 3)) for role in tuple(Role)[:lanes]})
    one = Sequence("a", 0, SamplingParams(), 1.0, 0, made)
    cut = [Slice(one, made.base, 0, rows + more)]
    return Plan(Trio(dict.fromkeys(Role, cut)), [Sample(one, 0, rows, drawn=rows - 1)])


def spent(evidence: Evidence, step: Plan, drafts: int = 0) -> None:
    evidence.begin(step, Role.EXPERT, drafts)
    evidence.timed(1.0)


def test_the_first_steps_are_timed_then_one_in_a_few() -> None:
    evidence = Evidence(WEIGHTS)
    for _ in range(FRESH):
        spent(evidence, plan())
    assert evidence.plain_steps(True, 1) == FRESH
    for _ in range(5 * NOTED):
        spent(evidence, plan())
    assert evidence.plain_steps(True, 1) == FRESH + 5


def test_a_step_without_drafts_is_timed_where_such_are_seldom() -> None:
    evidence = Evidence(WEIGHTS)
    for _ in range(FRESH):
        spent(evidence, plan(rows=4), drafts=3)
    for _ in range(5):
        for _ in range(SELDOM):
            spent(evidence, plan(rows=4), drafts=3)
        spent(evidence, plan())
        spent(evidence, plan())
    assert evidence.plain_steps(True, 1) == 5


def test_the_first_step_without_drafts_finds_all_caches_cold_and_is_not_timed() -> None:
    evidence = Evidence(WEIGHTS)
    for drafts, plain in ((0, 1), (3, 1), (0, 1), (0, 2), (0, 3), (3, 3), (0, 3)):
        spent(evidence, plan(rows=1 + drafts), drafts)
        assert evidence.plain_steps(True, 1) == plain


def test_a_step_that_reads_a_prompt_says_nothing_of_writing() -> None:
    evidence = Evidence(WEIGHTS)
    spent(evidence, plan(more=2))
    spent(evidence, Plan(Trio({role: [] for role in Role}), []))
    assert not evidence.plain_steps(True, 1)


@pytest.mark.parametrize("lanes", [1, 3])
def test_steps_of_the_base_alone_have_a_table_of_their_own(lanes: int) -> None:
    evidence = Evidence(WEIGHTS)
    spent(evidence, plan(lanes))
    assert evidence.plain_steps(lanes == 3, 1) == 1
    assert not evidence.plain_steps(lanes != 3, 1)


def test_drafts_are_timed_by_who_drew_them() -> None:
    evidence = Evidence(WEIGHTS)
    spent(evidence, plan(rows=4), drafts=3)
    evidence.read()
    assert evidence.costs[True].news(1, Role.EXPERT) == 1
    assert not evidence.costs[True].news(1, Role.ANTIEXPERT)


def test_what_nobody_asks_about_does_not_pile_up() -> None:
    evidence, one = Evidence(WEIGHTS), plan(lanes=1)
    several = Plan(one.slices, one.samples * 2)
    for _ in range(10 * WAITING):
        spent(evidence, several)
        assert len(evidence._spent) < WAITING


def test_a_sequence_begins_with_what_others_of_its_kind_did() -> None:
    evidence = Evidence(WEIGHTS)
    first = Drafting(greedy=True)
    assert evidence.fared(first, Role.EXPERT).rate == pytest.approx(PRIORS[Role.EXPERT])
    for _ in range(50):
        evidence.learn(first, Role.EXPERT, Verified(2, 0))
    assert evidence.fared(Drafting(greedy=True), Role.EXPERT).rate < 0.1
    other = evidence.fared(Drafting(greedy=False), Role.EXPERT)
    assert other.rate == pytest.approx(PRIORS[Role.EXPERT])


def test_leading_tokens_agree() -> None:
    assert agreeing((1, 2, 3), [1, 2, 3, 4]) == 3
    assert agreeing((1, 2, 3), [1, 5, 3]) == 1
    assert agreeing((1, 2, 3), [1]) == 1
    assert agreeing((), [1]) == agreeing((1,), []) == 0
