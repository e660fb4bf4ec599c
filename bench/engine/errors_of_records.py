"""Whether what rounds say of a ratio's error is how far two processes are apart.

    python -m bench.engine.errors_of_records FIRST.json SECOND.json [FIRST.json SECOND.json ...]

Each two files are records of one bench at one commit. The errors are those of the medians of their
rounds, so records will do that tell none themselves. If the distances of two medians, over the
errors of both, are about 1 on average, then rounds differ as processes do, and more rounds help; if
they are much more, each process has something of its own that no number of rounds cures.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

from bench.engine.draft_figures import SLOW
from bench.engine.reads import BUSY, NARROW, PAIRS, QUIET, SIZE, STATES, WIDE, Pairs
from bench.peers.lineup import MINE
from proxyfuse.measure import relative_error

APART = 55.0  # GB/s of a plain read: between the two heaps that they fall into

Turns = Mapping[str, Any]  # lists of milliseconds and of what was seen beside them
Columns = Mapping[str, Turns]
Key = tuple[str, ...]


def cases(record: Any, path: Key = ()) -> Iterator[tuple[Key, Columns]]:
    """Every place of a record that has rounds, and their columns."""
    if isinstance(record, Mapping):
        if "rounds" in record:
            yield path, record["rounds"]
        else:
            for key, inner in record.items():
                yield from cases(inner, (*path, str(key)))


def ratios(columns: Columns) -> Iterator[tuple[Key, Pairs]]:
    """What a record quotes of its columns: rivals over this engine, or engines that draft."""
    rivals = {name: column.get("mine", columns.get(MINE)) for name, column in columns.items()}
    for theirs, mine in rivals.items():
        if mine is not None and theirs != MINE:
            yield (theirs, MINE), _pairs(columns[theirs], mine)
    for theirs in set(SLOW) & set(columns):
        for own in columns:
            if own != theirs:
                yield (theirs, own), _pairs(columns[theirs], columns[own])


def _pairs(theirs: Turns, own: Turns) -> Pairs:
    both = zip(theirs["ms"], own["ms"], strict=True)
    return Pairs([a / b for a, b in both], list(zip(_states(theirs), _states(own), strict=True)))


def _states(column: Turns) -> list[str]:
    rates = (SIZE / 1e6 / read for read in column["read_ms"])
    both = zip(rates, column["others"], strict=True)
    return [BUSY if used > QUIET else WIDE if rate > APART else NARROW for rate, used in both]


def distances(first: Any, second: Any) -> Iterator[tuple[Key, float, float]]:
    """Of each ratio: how far its two logarithms are apart, and the error of that."""
    other = dict(cases(second))
    for path, columns in cases(first):
        theirs = dict(ratios(other[path])) if path in other else {}
        for key, pairs in ratios(columns):
            for state in STATES:
                both = [it.within(state) for it in (pairs, theirs.get(key, Pairs([], [])))]
                if min(map(len, both)) >= PAIRS:
                    one, two = (math.log(median(its)) for its in both)
                    error = math.hypot(*map(relative_error, both))
                    yield (*path, *key, state), one - two, error


def main() -> None:
    """Read, compare, print."""
    records = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    pairs = zip(records[::2], records[1::2], strict=True)
    rows = [row for first, second in pairs for row in distances(first, second)]
    far = sorted(rows, key=lambda row: -abs(row[1]))
    for key, apart, error in far[:10]:
        print(f"{math.expm1(abs(apart)):6.1%} apart, error {error:5.1%}: {' / '.join(key)}")
    apart, wanted, over = (
        math.sqrt(fmean(value**2 for value in column))
        for column in zip(*((apart, error, apart / error) for _, apart, error in rows), strict=True)
    )
    beyond = sum(abs(apart) > 2 * error for _, apart, error in rows)
    print(f"{len(rows)} ratios: {apart:.1%} rms apart, {wanted:.1%} by their errors")
    print(f"distance over error: {over:.2f} rms, {beyond} above 2")


if __name__ == "__main__":
    main()
