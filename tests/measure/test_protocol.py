"""Rivals run in turn, and their warm-up is not timed."""

from __future__ import annotations

import time

from proxyfuse.measure import in_turn, seconds


def test_rivals_run_in_turn_after_a_warm_up() -> None:
    order: list[str] = []
    columns = in_turn([lambda: order.append("a"), lambda: order.append("b")], 3, warm_up=2)
    assert "".join(order) == "aabb" + "ababab"
    assert [len(column) for column in columns] == [3, 3]


def test_a_column_holds_its_own_run() -> None:
    slow, fast = in_turn([lambda: time.sleep(0.02), lambda: None], 2, warm_up=0)
    assert min(slow) >= 0.02 > max(fast)


def test_seconds_are_seconds() -> None:
    assert 0.01 <= seconds(lambda: time.sleep(0.01)) < 1
