"""Which figure of recorded turns repeats best: two runs of one bench, statistic by statistic.

    python -m bench.engine.statistics_of_turns bench/results/cpu-2core-epyc/2026-11-21-turns.json

The file holds the milliseconds a token of every run in every turn of two processes, and a plain
read of 512 MB after each round. For each statistic: how far the ratios of the two processes are
apart, over all rounds, and over those of one state of the machine. Then, what is different about
the first run of a turn.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.engine.reads import NARROW, PAIRS, STATES, WIDE
from bench.peers.lineup import MINE

Rounds = list[dict[str, list[float]]]  # of each round, by peer, the milliseconds of its runs
APART = 9.8  # ms of a plain read: between the two heaps that they fall into


def _middle_half(values: list[float]) -> float:
    cut = len(values) // 4
    return statistics.mean(sorted(values)[cut : len(values) - cut])


def _pairs(rounds: Rounds, rival: str) -> list[float]:
    own = ((statistics.median(it[rival]), statistics.median(it[MINE])) for it in rounds)
    return [slow / fast for slow, fast in own]


def _over(of_all: Callable[[list[float]], float]) -> Callable[[Rounds, str], float]:
    """One figure of all runs of the rival over the same figure of ours."""

    def ratio(rounds: Rounds, rival: str) -> float:
        slow, fast = ([ms for it in rounds for ms in it[who]] for who in (rival, MINE))
        return of_all(slow) / of_all(fast)

    return ratio


STATISTICS: dict[str, Callable[[Rounds, str], float]] = {
    "median of paired ratios": lambda rounds, rival: statistics.median(_pairs(rounds, rival)),
    "mean of the middle half of them": lambda rounds, rival: _middle_half(_pairs(rounds, rival)),
    "ratio of medians": _over(statistics.median),
    "ratio of sums": _over(statistics.mean),
    "ratio of least times": _over(min),
}


def of_state(its: dict[str, list[float]], state: str) -> list[int]:
    """Rounds whose state was the wanted one from begin to end."""
    seen = [WIDE if read < APART else NARROW for read in its["read_ms"]]
    return [at for at in range(1, len(seen)) if {seen[at - 1], seen[at]} == {state}]


def apart(runs: list[dict[str, Any]], state: str | None) -> Iterator[list[float]]:
    """For each case and rival: how far the two runs are apart, by statistic."""
    for case, first in runs[0].items():
        both: list[Rounds] = []
        for its in (first, runs[1][case]):
            count = len(its["read_ms"])
            chosen = list(range(count)) if state is None else of_state(its, state)
            peers = [name for name in its if name != "read_ms"]
            both.append([{name: its[name][at] for name in peers} for at in chosen])
        if min(map(len, both)) < PAIRS:
            continue
        for rival in (name for name in both[0][0] if name != MINE):
            values = ([way(rounds, rival) for rounds in both] for way in STATISTICS.values())
            yield [max(pair) / min(pair) - 1 for pair in values]


def first_runs(runs: list[dict[str, Any]]) -> Iterator[tuple[str, float, float, float]]:
    """Of who runs thrice or more a turn: how much slower the first is, its deviation, and theirs.

    Deviations are those of logarithms, by the median from the median; theirs is a later run's.
    """
    for number, cases in enumerate(runs, start=1):
        for case, its in cases.items():
            for name, turns in its.items():
                if name != "read_ms" and min(map(len, turns)) >= 3:
                    logs = [[math.log(ms) for ms in turn[:3]] for turn in turns]
                    slower = statistics.median(it[0] - (it[1] + it[2]) / 2 for it in logs)
                    first, _, last = map(_deviation, zip(*logs, strict=True))
                    yield f"process {number}, {case}: {name}", math.expm1(slower), first, last


def _deviation(values: Sequence[float]) -> float:
    middle = statistics.median(values)
    return 1.4826 * statistics.median(abs(value - middle) for value in values)


def main() -> None:
    """Read, and print a table."""
    runs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["runs"]
    for state in (None, *STATES):
        rows = list(apart(runs, state))
        print(f"\n{state or 'all rounds'}: {len(rows)} ratios")
        for name, column in zip(STATISTICS, zip(*rows, strict=True), strict=True):
            rms = math.sqrt(statistics.mean(value**2 for value in column))
            far = sum(value > 0.1 for value in column)
            print(f"  {name:34} {rms:5.1%} rms, {max(column):4.0%} at most, {far} above 10 %")
    print("\nthe first run of a turn, and a later one")
    for name, slower, first, last in first_runs(runs):
        print(f"  {name:52} {slower:4.0%} slower, deviation {first:5.1%}, later {last:5.1%}")


if __name__ == "__main__":
    main()
