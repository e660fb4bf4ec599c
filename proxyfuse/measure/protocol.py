"""Rivals in turn: whatever the machine does to one of them, it does to all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Run = Callable[[], object]
T = TypeVar("T")
LEAST = 3  # rounds, however long they last
GLANCE = 0.002  # seconds of looking whether anything runs
IDLE = 0.1  # of one core, that threads which poll now and then may use


def seconds(run: Run) -> float:
    """Wall time of one run, which must not return before its work is done."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def asleep(most: float = 0.2) -> None:
    """Return once no thread of this process computes or spins any more, or after `most` seconds.

    Threads that a neighbour leaves spinning would be charged to who comes next.
    """
    end = time.perf_counter() + most
    busy = True
    while busy and time.perf_counter() < end:
        begin, used = time.perf_counter(), time.process_time()
        time.sleep(GLANCE)
        busy = time.process_time() - used > IDLE * (time.perf_counter() - begin)


def in_turn(
    runs: Sequence[Callable[[], T]],
    rounds: int,
    *,
    warm_up: int = 1,
    before: Run | None = None,
    patience: float = math.inf,
) -> list[list[T]]:
    """What each run returned in each round, A B B A; `warm_up` runs of each come first.

    Every other round goes backwards, so a machine that gets slower throughout favours nobody, and
    each pair of rounds begins with another run, so that nobody has the same neighbours always. No
    round but the first `LEAST` begins once `patience` seconds have passed. `before` comes
    before every run of a round: `asleep`, or another turn of the run for what lasts microseconds.
    """
    races = {"": runs}
    return in_turns(races, rounds, warm_up=warm_up, before=before, patience=patience)[""]


def in_turns(
    races: Mapping[str, Sequence[Callable[[], T]]],
    rounds: int,
    *,
    warm_up: int = 1,
    before: Run | None = None,
    patience: float = math.inf,
) -> dict[str, list[list[T]]]:
    """The same for several races whose rounds alternate, each with `patience` of its own.

    The next round is always of the race that has had the least time: a machine that changes while
    they run changes for all of them.
    """
    for runs in races.values():
        for run in runs:
            for _ in range(warm_up):
                run()
    tables: dict[str, list[list[T]]] = {name: [] for name in races}
    spent = dict.fromkeys(races, 0.0)

    def due() -> list[str]:
        return [
            name
            for name, table in tables.items()
            if len(table) < rounds and (len(table) < LEAST or spent[name] < patience)
        ]

    while names := due():
        name = min(names, key=spent.__getitem__)
        begin = time.perf_counter()
        tables[name].append(_round(races[name], len(tables[name]), before))
        spent[name] += time.perf_counter() - begin
    return {
        name: [list(column) for column in zip(*table, strict=True)]
        for name, table in tables.items()
    }


def _round(runs: Sequence[Callable[[], T]], number: int, before: Run | None) -> list[T]:
    """What each run returned, in the order of `runs`, whoever came first this time."""
    first = number // 2 % len(runs)
    order = [*range(first, len(runs)), *range(first)]
    found: dict[int, T] = {}
    for at in order if number % 2 == 0 else order[::-1]:
        if before is not None:
            before()
        found[at] = runs[at]()
    return [found[at] for at in range(len(runs))]
