"""How many rows are wanted, and where a sequence stands after some of them."""

from __future__ import annotations

import pytest

from proxyfuse.plan import Draft, Sample
from proxyfuse.scheduler.rows import no_drafts, settle_rows, wanted
from tests.scheduler.fake_runner import sequence


def test_what_is_wanted() -> None:
    prompt = (1, 2, 3, 4)
    writing, scoring = sequence("a", [prompt]), sequence("b", [prompt], given=(5, 6, 7))
    reading = sequence("c", [prompt], row=-3)
    drawn, named = Draft(4), Draft(tokens=(9, 8))
    assert wanted(writing, no_drafts) == (1, Draft())
    assert wanted(writing, lambda one: drawn) == (5, drawn)
    assert wanted(writing, lambda one: named) == (3, named)
    assert wanted(scoring, lambda one: drawn) == (3, Draft())
    assert wanted(reading, lambda one: drawn) == (
        4,
        Draft(),
    )  # three prompt rows and a draw
    scoring.row = 3
    with pytest.raises(AssertionError, match="retired"):
        wanted(scoring, no_drafts)


@pytest.mark.parametrize(("kept", "computed"), [([8], 5), ([8, 9], 6), ([8, 9, 10], 7), ([], 4)])
def test_lanes_go_back_to_what_was_kept(kept: list[int], computed: int) -> None:
    one = sequence("a", [(1, 2, 3, 4)] * 3)
    one.continuation, one.row, one.ahead = [7], 1, 3
    for lane in one.lanes.values():
        lane.computed = 7  # token 7 on position 4, then two drafts
    settle_rows(Sample(one, 1, 3), kept)
    assert one.continuation == [7, *kept] and one.row == 1 + len(kept)
    assert [lane.computed for lane in one.lanes.values()] == [computed] * 3


def test_known_rows_add_no_token() -> None:
    scoring = sequence("a", [(1, 2)], given=(5, 6, 7))
    settle_rows(Sample(scoring, 0, 2), [])
    assert scoring.row == 2 and scoring.continuation == [5, 6, 7]
    reading = sequence("b", [(1, 2, 3)], row=-2)
    settle_rows(Sample(reading, -2, 1), [])
    settle_rows(Sample(reading, -1, 2), [9])
    assert reading.row == 1 and reading.continuation == [9]


def test_no_more_is_kept_than_was_drawn() -> None:
    with pytest.raises(AssertionError, match="drawn"):
        settle_rows(Sample(sequence("a", [(1,)]), 0, 1), [1, 2])
