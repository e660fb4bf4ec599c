"""One sequence by itself: what stands, what the text says, and what is not tried."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from proxyfuse.plan import Draft
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.speculation.alone import FIRST, NEW, REST, STANDS, Alone
from proxyfuse.speculation.drafting import Decision, Drafting
from proxyfuse.speculation.evidence import Evidence
from proxyfuse.speculation.fared import Verified
from proxyfuse.trio import Role, Trio

WEIGHTS = {Role.BASE: 90, Role.EXPERT: 5, Role.ANTIEXPERT: 5}
LOOP = (7, 8, 9, 5, 6)


def sequence(prompt: tuple[int, ...], lanes: int = 3) -> Sequence:
    made = Trio({role: Lane(prompt) for role in tuple(Role)[:lanes]})
    return Sequence("a", 0, SamplingParams(), 1.0, 0, made)


def steps(alone: Alone, one: Sequence, drafting: Drafting) -> Iterator[Draft | Decision]:
    """What is drafted in each step; in those that rest nobody asks."""
    while True:
        yield alone.draft(one, drafting, 16, None)
        for _ in range(drafting.take_rest()):
            yield Draft()


class Asked(Alone):
    """Counts how often it had to choose."""

    chosen = 0

    def _choose(self, *how: object) -> Draft | Decision:
        self.chosen += 1
        return super()._choose(*how)  # type: ignore[arg-type]


def test_a_decision_stands_the_longer_the_more_is_known() -> None:
    evidence, drafting, one = Evidence(WEIGHTS), Drafting(), sequence((1, 2, 3))
    alone, lasted = Asked(evidence, 10**6), []
    for _ in range(60):
        before = alone.chosen
        decision = alone.draft(one, drafting, 16, None)
        assert isinstance(decision, Decision)
        lasted.append(alone.chosen > before)
        evidence.learn(drafting, decision.drawer, Verified(4, 3))
        one.continuation.append(10 + len(one.continuation))
    assert lasted[: FIRST + 2] == [True, *[False] * FIRST, True], (
        "little is known: it stands briefly"
    )
    assert lasted[-1 - STANDS :].count(True) == 1
    assert drafting.decision == decision


def test_another_drawer_of_the_step_is_asked_about_anew() -> None:
    evidence, drafting, one = Evidence(WEIGHTS), Drafting(), sequence((1, 2, 3))
    alone = Asked(evidence, 10**6)
    evidence.learn(drafting, Role.EXPERT, Verified(9, 9))
    decided = alone.draft(one, drafting, 16, None)
    assert isinstance(decided, Decision) and decided.drawer is Role.EXPERT
    alone.draft(one, drafting, 16, Role.EXPERT)
    assert alone.chosen == 1
    other = alone.draft(one, drafting, 16, Role.ANTIEXPERT)
    assert alone.chosen == 2
    assert isinstance(other, Decision) and other.drawer is Role.ANTIEXPERT


def test_what_the_text_says_is_believed_without_ever_being_drafted() -> None:
    """A loop is noticed while a model's drafts are taken; from then on nobody has to draw it."""
    evidence, drafting, one = Evidence(WEIGHTS), Drafting(), sequence((1, 2, *LOOP))
    alone = Alone(evidence, 10**6)
    found = []
    for step, draft in enumerate(islice(steps(alone, one, drafting), 80)):
        looked_up = isinstance(draft, Draft) and bool(draft.tokens)
        found.append(looked_up)
        if isinstance(draft, Decision):
            evidence.learn(drafting, draft.drawer, Verified(2, 1))
        elif looked_up:
            right = tuple(LOOP[(step + ahead) % len(LOOP)] for ahead in range(len(draft.tokens)))
            assert draft.tokens == right
            evidence.learn(drafting, None, Verified(len(right), len(right)))
        one.continuation.append(LOOP[step % len(LOOP)])
    assert not found[0] and all(found[-20:])


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_text_that_says_wrong_things_is_seldom_listened_to(lanes: int) -> None:
    """Pairs come again and again, and never with the same token behind them."""
    evidence, drafting, one = Evidence(WEIGHTS), Drafting(), sequence((1, 2), lanes)
    alone, drafted = Alone(evidence, 10**6), 0
    for step, draft in enumerate(islice(steps(alone, one, drafting), 300)):
        if isinstance(draft, Decision):
            evidence.learn(drafting, draft.drawer, Verified(1, 0))
        else:
            drafted += bool(draft.tokens)
            if draft.tokens:
                evidence.learn(drafting, None, Verified(len(draft.tokens), 0))
        one.continuation.append([1, 2, 100 + step][step % 3])
    assert evidence.fared(drafting, None).rate < 0.1
    assert drafted <= 12


def test_nothing_is_tried_where_only_the_text_can_tell_and_it_says_nothing() -> None:
    evidence, drafting, one = Evidence({Role.BASE: 1}), Drafting(), sequence((1, 2), 1)
    alone = Alone(evidence, 10**6)
    for token, draft in enumerate(islice(steps(alone, one, drafting), 200)):
        assert draft == Draft() and drafting.rest <= NEW, "a text that is new is looked at again"
        one.continuation.append(100 + token)


def test_a_text_that_is_new_is_looked_at_ever_less_often() -> None:
    evidence, drafting, one = Evidence({Role.BASE: 1}), Drafting(), sequence((1, 2), 1)
    alone = Asked(evidence, 10**6)
    for _ in range(20):  # a prompt that is read in parts says the same each time
        alone.draft(one, drafting, 16, None)
        assert not drafting.take_rest()
    alone.chosen, looks = 0, []
    for token, _ in enumerate(islice(steps(alone, one, drafting), 72)):
        looks += [token] * (alone.chosen - len(looks))
        one.continuation.append(100 + token)
    assert looks == [0, 1, 3, 6, 10, 15, 21, 28, 35, 42, 49, 56, 63, 70]
    for _ in range(9):
        one.continuation += [1, 2]
        alone.draft(one, drafting, 16, None)
    assert drafting.new == 0


def test_a_sequence_rests_where_drafts_do_not_pay() -> None:
    dear = {Role.BASE: 50, Role.EXPERT: 25, Role.ANTIEXPERT: 25}
    evidence, drafting, one = Evidence(dear), Drafting(), sequence((1, 2))
    alone = Asked(evidence, 10**6)
    for model in (Role.EXPERT, Role.ANTIEXPERT):
        for _ in range(50):
            evidence.learn(drafting, model, Verified(1, 0))
    for token, draft in enumerate(islice(steps(alone, one, drafting), 2 * REST + 2)):
        assert draft == Draft()
        one.continuation.append(100 + token)
    assert alone.chosen == 2
