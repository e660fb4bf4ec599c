"""What a turn says of a token: within the run, and honestly of tokens that came together."""

from __future__ import annotations

import pytest

from bench.engine.turn import Run, arrivals, host_times
from bench.peers.peer import Text
from proxyfuse import Metrics

ONE_BY_ONE = Text([1] * 5, [10.0, 11.0, 12.0, 13.0, 14.0])
BURSTS = Text([1] * 7, [10.0, 12.0, 12.0, 12.0, 13.0, 13.0, 13.0])


def test_a_token_takes_what_passes_between_first_and_last() -> None:
    assert Run([ONE_BY_ONE], 100.0).per_token == 1.0
    assert Run([BURSTS], 100.0).per_token == 0.5


def test_tokens_that_came_with_the_first_are_not_counted_as_free() -> None:
    assert Run([Text([1] * 5, [1.0, 1.0, 1.0, 2.0, 3.0])], 9.0).per_token == 1.0


def test_a_run_whose_tokens_all_came_at_once_lasts_as_a_whole() -> None:
    assert Run([Text([1] * 5, [7.0] * 5), Text([1] * 3, [7.0] * 3)], 10.0).per_token == 2.0


def test_a_batch_lasts_from_its_first_token_to_the_last_of_all() -> None:
    late = Text([1] * 5, [11.0, 12.0, 13.0, 14.0, 18.0])
    assert Run([ONE_BY_ONE, late], 100.0).per_token == 2.0


def test_a_burst_is_one_wait_and_says_what_it_brought() -> None:
    assert Run([BURSTS], 9.0).waits == [2.0, 1.0]
    found = arrivals([Run([BURSTS, ONE_BY_ONE], 9.0), Run([BURSTS], 9.0)])
    assert found is not None
    assert found["count"] == 2 + 4 + 2
    assert found["tokens_each"] == (6 + 4 + 6) / 8
    assert found["median_ms"] == 1000 and found["p99_ms"] == 2000


def test_texts_that_came_all_at_once_were_not_waited_for() -> None:
    assert arrivals([Run([Text([1] * 5, [7.0] * 5)], 9.0)]) is None


def test_what_the_host_takes_is_of_steps_that_a_device_ran() -> None:
    counted = [Metrics(steps=4, host_seconds=4e-4, waited_seconds=0.8), Metrics(), None]
    found = host_times([Run([BURSTS], 9.0, its) for its in counted])
    assert found is not None and found["steps"] == 4
    assert found["host_us"]["median"] == pytest.approx(100)
    assert found["waited_us"]["median"] == pytest.approx(2e5)
    assert host_times([Run([BURSTS], 9.0), Run([BURSTS], 9.0, Metrics(base_passes=3))]) is None


def test_the_p99_of_many_leaves_the_worst_of_them_out() -> None:
    steady = Text([1] * 201, [0.001 * step for step in range(200)] + [5.0])
    found = arrivals([Run([steady], 9.0)])
    assert found["p99_ms"] == pytest.approx(1.0)
