"""Rivals run in turn, their warm-up is dropped, and patience ends."""

from __future__ import annotations

import itertools
import time

import pytest

from proxyfuse.measure import in_turn, protocol, seconds


def test_rivals_run_in_turn_forth_and_back_after_a_warm_up() -> None:
    order: list[str] = []
    columns = in_turn([lambda: order.append("a"), lambda: order.append("b")], 3, warm_up=2)
    assert "".join(order) == "aabb" + "abbaab"
    assert [len(column) for column in columns] == [3, 3]


def test_a_column_holds_what_its_own_run_returned() -> None:
    first, second = itertools.count(), itertools.count(100)
    columns = in_turn([lambda: next(first), lambda: next(second)], 4, warm_up=1, lead_in=1)
    assert columns == [[2, 4, 6, 8], [102, 104, 106, 108]]


def test_patience_ends_but_not_before_three_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Clock:
        @staticmethod
        def perf_counter() -> float:
            return now

        @staticmethod
        def sleep(length: float) -> None:
            nonlocal now
            now += length

    monkeypatch.setattr(protocol, "time", Clock)

    def rounds(patience: float) -> int:
        return len(in_turn([lambda: None, lambda: None], 9, pause=1.0, patience=patience)[0])

    assert [rounds(patience) for patience in (0.0, 6.0, 7.0, 1000.0)] == [3, 3, 4, 9]


def test_seconds_are_seconds() -> None:
    assert 0.01 <= seconds(lambda: time.sleep(0.01)) < 1
