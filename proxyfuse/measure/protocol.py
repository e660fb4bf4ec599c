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


def in_turn(runs: Sequence[Run], rounds: int, warm_up: int = 1) -> list[list[float]]:
    """Seconds of each run in each round, A B A B; `warm_up` untimed runs of each come first."""
    for run in runs:
        for _ in range(warm_up):
            run()
    table = [[seconds(run) for run in runs] for _ in range(rounds)]
    return [list(column) for column in zip(*table, strict=True)]
