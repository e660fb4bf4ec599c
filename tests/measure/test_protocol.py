"""Rivals run in turn, their warm-up is dropped, what spins is waited for, and patience ends."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from proxyfuse.measure import in_turn, in_turns, protocol, seconds


class Clock:
    """Time that passes only asleep; some thread is busy until a given second."""

    def __init__(self, busy_until: float = 0.0) -> None:
        self.now = 0.0
        self._busy_until = busy_until

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return min(self.now, self._busy_until)

    def sleep(self, length: float) -> None:
        self.now += length


def test_rivals_run_in_turn_forth_and_back_after_a_warm_up() -> None:
    order: list[str] = []
    columns = in_turn([lambda: order.append("a"), lambda: order.append("b")], 5, warm_up=2)
    assert "".join(order) == "aabb" + "abba" + "baab" + "ab"
    assert [len(column) for column in columns] == [5, 5]


def test_a_column_holds_what_its_own_run_returned() -> None:
    first, second = itertools.count(), itertools.count(100)
    columns = in_turn([lambda: next(first), lambda: next(second)], 4)
    assert columns == [[1, 2, 3, 4], [101, 102, 103, 104]]


def test_before_every_run_of_a_round_and_not_of_the_warm_up() -> None:
    order: list[str] = []
    runs = [lambda: order.append("a"), lambda: order.append("b")]
    in_turn(runs, 2, before=lambda: order.append("-"))
    assert "".join(order) == "ab" + "-a-b" + "-b-a"


def test_the_race_that_has_had_the_least_time_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(protocol, "time", clock)
    order: list[str] = []

    def run(name: str, length: float) -> Callable[[], None]:
        return lambda: (order.append(name), clock.sleep(length))[1]

    tables = in_turns(
        {"long": [run("L", 4.0)], "short": [run("s", 1.0)]}, 9, warm_up=0, patience=12.0
    )
    assert "".join(order) == "LssssLssssLs", "and none has more than its patience or its rounds"
    assert {name: len(columns[0]) for name, columns in tables.items()} == {"long": 3, "short": 9}


def test_it_sleeps_until_nothing_runs_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(busy_until=0.05)
    monkeypatch.setattr(protocol, "time", clock)
    protocol.asleep()
    assert 0.05 <= clock.now < 0.05 + 2 * protocol.GLANCE
    clock = Clock(busy_until=9.0)
    monkeypatch.setattr(protocol, "time", clock)
    protocol.asleep(most=0.5)
    assert 0.5 <= clock.now < 0.51


def test_patience_ends_but_not_before_three_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(protocol, "time", clock)

    def rounds(patience: float) -> int:
        clock.now = 0.0
        runs = [lambda: clock.sleep(1.0)] * 2
        return len(in_turn(runs, 9, warm_up=0, patience=patience)[0])

    assert [rounds(patience) for patience in (0.0, 6.0, 7.0, 1000.0)] == [3, 3, 4, 9]


def test_seconds_are_seconds() -> None:
    assert 0.01 <= seconds(lambda: time.sleep(0.01)) < 1
