"""Rivals in turn: whatever the machine does to one of them, it does to all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """Wall time of one run, which must not return before its work is done."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def in_turn(
    runs: Sequence[Run], rounds: int, warm_up: int = 1, lead_in: int = 0, pause: float = 0.0
) -> list[list[float]]:
    """Seconds of each run in each round, A B A B; `warm_up` untimed runs of each come first.

    Threads that a neighbour leaves spinning would be charged to who comes next. So `lead_in`
    untimed runs come before every timed one, for what lasts microseconds; or `pause` seconds of
    quiet, for what lasts longer than they spin.
    """
    for run in runs:
        for _ in range(warm_up):
            run()
    table = [[_led_in(run, lead_in, pause) for run in runs] for _ in range(rounds)]
    return [list(column) for column in zip(*table, strict=True)]


def _led_in(run: Run, untimed: int, pause: float) -> float:
    time.sleep(pause)
    for _ in range(untimed):
        run()
    return seconds(run)
