"""The number of drafts, against a search over all of them."""

from __future__ import annotations

import pytest

from proxyfuse.speculation.acceptance import expected
from proxyfuse.speculation.choice import ASKED, LENGTHS, LESS, MARGIN, STALE, STEPS, Chooser
from proxyfuse.speculation.costs import NEW, Costs
from proxyfuse.trio import Role


def chooser(slope: float) -> Chooser:
    return Chooser(Costs({Role.EXPERT: slope}))


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("rate", [k / STEPS for k in (0, 5, 16, 24, 30, 32)])
def test_it_gives_most_tokens_a_second(slope: float, rate: float) -> None:
    gains = {length: expected(rate, length) / (1 + slope * length) for length in (0, *LENGTHS)}
    choice = chooser(slope).best(Role.EXPERT, rate, 1)
    if max(gains.values()) <= MARGIN:
        assert choice.length == 0 and choice.gain == MARGIN
    else:
        assert gains[choice.length] == max(gains.values()) == pytest.approx(choice.gain)
    assert 0 < choice.worth <= 1


@pytest.mark.parametrize("slope", [0.1, 0.3])
def test_several_get_the_fewest_drafts_that_promise_nearly_as_much(slope: float) -> None:
    rate = 28 / STEPS
    gains = {length: expected(rate, length) / (1 + slope * length) for length in LENGTHS}
    choice = chooser(slope).best(Role.EXPERT, rate, 4)
    enough = LESS * max(gains.values())
    assert choice.length == next(length for length in LENGTHS if gains[length] >= enough)
    assert choice.length < max(gains, key=lambda length: gains[length])
    assert chooser(0.01).best(Role.EXPERT, 0.0, 4).length == 0


@pytest.mark.parametrize("rate", [k / STEPS for k in (16, 24, 30)])
def test_a_draft_less_likely_than_its_worth_would_not_pay(rate: float) -> None:
    """`worth` is where the tokens of one more draft just pay for its time."""
    slope = 0.1
    choice = chooser(slope).best(Role.EXPERT, rate, 1)
    tokens, seconds = expected(rate, choice.length), 1 + slope * choice.length
    more = (tokens + choice.worth) / (seconds + slope)
    assert more == pytest.approx(tokens / seconds)


def test_a_choice_is_kept_until_it_is_stale() -> None:
    costs = Costs({Role.EXPERT: 0.01})
    for _ in range(NEW):
        costs.observe(1, Role.EXPERT, 0, 1.0)
        costs.observe(1, Role.EXPERT, 8, 1.08)
    one = Chooser(costs)
    first = one.best(Role.EXPERT, 0.9, 1)
    for _ in range(STALE - 2 * NEW - 1):
        costs.observe(1, Role.EXPERT, 8, 40.0)
        assert one.best(Role.EXPERT, 0.9, 1) == first
    again = Chooser(costs)
    kept = again.best(Role.EXPERT, 0.9, 1)
    for _ in range(STALE):
        costs.observe(1, Role.EXPERT, 8, 40.0)
    assert one.best(Role.EXPERT, 0.9, 1).length < first.length
    again._known = costs.steps  # as if none of these had been timed
    asked = [again.best(Role.EXPERT, 0.9, 1) for _ in range(ASKED)]
    assert asked[0] == kept != asked[-1]


def test_each_of_the_first_steps_makes_choices_anew() -> None:
    """Where rows are dear, the first steps with drafts say so, and the next choice knows."""
    costs = Costs({Role.EXPERT: 0.1})
    one, gains = Chooser(costs), []
    for _ in range(NEW):
        gains.append(one.best(Role.EXPERT, 0.9, 32).gain)
        costs.observe(32, Role.EXPERT, 0, 1.0)
        costs.observe(32, Role.EXPERT, 1, 1.95)
    gains.append(one.best(Role.EXPERT, 0.9, 32).gain)
    assert gains == sorted(gains, reverse=True)
    assert len(set(gains)) == NEW + 1 and gains[-1] < 1.2 < gains[0]
