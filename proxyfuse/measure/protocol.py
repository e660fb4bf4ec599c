"""Rivals in turn: whatever the machine does to one of them, it does to all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

Run = Callable[[], object]
K = TypeVar("K", bound=Hashable)
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
    races: Mapping[K, Sequence[Callable[[], T]]],
    rounds: int,
    *,
    warm_up: int = 1,
    before: Run | None = None,
    patience: float = math.inf,
    doubts: Callable[[K, list[list[T]]], Sequence[float]] = lambda *_: (math.inf,),
) -> dict[K, list[list[T]]]:
    """The same for several races whose rounds alternate, with one `patience` for all of them.

    A run that is in several races is warmed up once. `doubts` says, of a race and what each of its
    runs has returned so far, how uncertain the figures are that will be made of it: what matters
    most comes first, and what is certain enough is 0. A race with fewer than `LEAST` rounds is
    next; then the one most in doubt, and of several equal ones that which has had the least time,
    so that a machine that changes while they run changes for all of them. A race without doubts has
    no further round. Doubts must come of how far values are spread and never of what they are: who
    stops when a figure pleases has chosen it.
    """
    for run in dict.fromkeys(run for runs in races.values() for run in runs):
        for _ in range(warm_up):
            run()
    tables: dict[K, list[list[T]]] = {name: [[] for _ in runs] for name, runs in races.items()}
    had = dict.fromkeys(races, 0)
    spent = dict.fromkeys(races, 0.0)
    begun = time.perf_counter()

    def wanted() -> dict[K, tuple[float, ...]]:
        """The doubts of all that may have another round."""
        few = [name for name in races if had[name] < min(LEAST, rounds)]
        if few:
            return dict.fromkeys(few, (math.inf,))
        if time.perf_counter() - begun >= patience:
            return {}
        going = {name: tuple(doubts(name, tables[name])) for name in races if had[name] < rounds}
        return {name: found for name, found in going.items() if any(found)}

    while names := wanted():
        most = max(names.values())
        name = min((name for name in names if names[name] == most), key=spent.__getitem__)
        begin = time.perf_counter()
        for column, found in zip(tables[name], _round(races[name], had[name], before), strict=True):
            column.append(found)
        had[name] += 1
        spent[name] += time.perf_counter() - begin
    return tables


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
