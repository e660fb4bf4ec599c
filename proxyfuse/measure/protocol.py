"""Rivals in turn: whatever the machine does to one of them, it does to all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Run = Callable[[], object]
T = TypeVar("T")
LEAST = 3  # rounds, however long they last


def seconds(run: Run) -> float:
    """Wall time of one run, which must not return before its work is done."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def in_turn(
    runs: Sequence[Callable[[], T]],
    rounds: int,
    *,
    warm_up: int = 1,
    lead_in: int = 0,
    pause: float = 0.0,
    patience: float = math.inf,
) -> list[list[T]]:
    """What each run returned in each round, A B B A A B; `warm_up` runs of each come first.

    Every other round goes backwards, so a machine that gets slower throughout favours nobody. No
    round but the first `LEAST` begins once `patience` seconds have passed.

    Threads that a neighbour leaves spinning would be charged to who comes next. So `lead_in` runs
    whose results are dropped come before every other, for what lasts microseconds; or `pause`
    seconds of quiet, for what lasts longer than they spin.
    """
    for run in runs:
        for _ in range(warm_up):
            run()
    end = time.perf_counter() + patience
    table: list[list[T]] = []
    while len(table) < rounds and (len(table) < LEAST or time.perf_counter() < end):
        forth = 1 if len(table) % 2 == 0 else -1
        table.append([_led_in(run, lead_in, pause) for run in runs[::forth]][::forth])
    return [list(column) for column in zip(*table, strict=True)]


def _led_in(run: Callable[[], T], dropped: int, pause: float) -> T:
    time.sleep(pause)
    for _ in range(dropped):
        run()
    return run()
