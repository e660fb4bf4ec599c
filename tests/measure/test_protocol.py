"""Rivals run in turn, their warm-up is dropped, what spins is waited for, and patience ends."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxyfuse.measure import error_of_median, in_turn, in_turns, protocol, seconds


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


def test_a_run_of_several_races_is_warmed_up_once() -> None:
    order: list[str] = []
    a, b, c = (lambda it=it: order.append(it) for it in "abc")
    in_turns({("x", 1): [a, b], ("x", 2): [a, c]}, 1)
    assert "".join(order) == "abc" + "ab" + "ac"


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

    races = {"long": [run("L", 4.0)], "short": [run("s", 1.0)]}
    tables = in_turns(races, 20, warm_up=0, patience=26.0)
    assert "".join(order) == "LsssLL" + "s" * 9 + "L", "three rounds each; then times are alike"
    assert {name: len(columns[0]) for name, columns in tables.items()} == {"long": 4, "short": 12}


@dataclass
class Played:
    """What a bench of pretended races did."""

    order: list[str]  # the race of each round
    tables: dict[str, list[list[float]]]
    lasted: float


def play(
    noises: dict[str, float], lengths: dict[str, float], patience: float, rounds: int = 1000
) -> Played:
    """Races whose ratios are so noisy, and whose rounds last so long, on a clock of their own."""
    clock, order, draw = Clock(), list[str](), random.Random(7)

    def run(name: str) -> float:
        order.append(name)
        clock.sleep(lengths[name])
        return draw.gauss(0.0, noises[name])

    def doubts(name: str, columns: list[list[float]]) -> tuple[float]:
        error = error_of_median(columns[0])
        return (error if error > 0.02 else 0.0,)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(protocol, "time", clock)
        races = {name: [partial(run, name)] for name in noises}
        tables = in_turns(races, rounds, warm_up=0, patience=patience, doubts=doubts)
    return Played(order, tables, clock.now)


def test_who_is_uncertain_has_the_rounds_and_who_is_sure_has_no_more() -> None:
    lengths = dict.fromkeys(("loud", "calm", "still"), 1.0)
    played = play({"loud": 0.1, "calm": 0.05, "still": 0.001}, lengths, 1e9)
    counts = {name: len(columns[0]) for name, columns in played.tables.items()}
    assert counts["still"] == 3 < counts["calm"] < counts["loud"] < 100
    assert all(error_of_median(columns[0]) <= 0.02 for columns in played.tables.values())


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(st.floats(0.0, 0.3), st.floats(0.1, 5.0)),
        min_size=1,
    ),
    st.floats(0.0, 60.0),
    st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_time_and_rounds_are_kept_and_the_most_uncertain_is_next(
    races: dict[str, tuple[float, float]], patience: float, rounds: int
) -> None:
    noises = {name: noise for name, (noise, _) in races.items()}
    lengths = {name: length for name, (_, length) in races.items()}
    played = play(noises, lengths, patience, rounds)
    counts = {name: played.order.count(name) for name in races}
    first = min(protocol.LEAST, rounds)
    assert all(first <= count <= rounds for count in counts.values())
    least = sum(first * length for length in lengths.values())
    assert played.lasted <= max(least, patience + max(lengths.values())) * (1 + 1e-9)
    assert played.order == play(noises, lengths, patience, rounds).order, "nothing else decides"
    had = dict.fromkeys(races, first)
    for name in played.order[first * len(races) :]:
        errors = {
            other: error_of_median(columns[0][: had[other]])
            for other, columns in played.tables.items()
            if had[other] < rounds
        }
        assert errors[name] == max(errors.values()) > 0.02
        had[name] += 1


def test_what_matters_most_decides_and_the_rest_where_that_is_settled() -> None:
    order: list[str] = []
    left = {"a": [(0.0, 0.5)] * 2, "b": [(0.1, 0.0), (0.1, 0.0), (0.0, 0.0)], "c": [(0.0, 0.0)]}

    def run(name: str) -> None:
        order.append(name)
        if order.count(name) > 3:
            left[name].pop(0)

    races = {name: [partial(run, name)] for name in left}
    in_turns(races, 9, warm_up=0, doubts=lambda name, _: left[name][0] if left[name] else (0.0,))
    assert "".join(order[9:]) == "bbaa"


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
