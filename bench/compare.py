"""Whether two runs of one bench, or of all, say the same: ratios of their ratios.

    PROXYFUSE_RESULTS=/tmp/a make bench; PROXYFUSE_RESULTS=/tmp/b make bench
    python -m bench.compare /tmp/a /tmp/b
    python -m bench.compare A.json B.json --most 0.05

Compared are all medians under a key that begins with `times_faster_than`: what a rival's time is
over this engine's. Absolute times are not: they are the machine's. Exits with 1 where a ratio of
one run is more than `--most` off that of the other, or where one has a ratio that the other lacks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PREFIX = "times_faster_than"
Ratios = dict[str, float]


def ratios(record: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Every ratio of a record, by where it stands."""
    if not isinstance(record, Mapping):
        return
    for key, value in record.items():
        here = (*path, str(key))
        if str(key).startswith(PREFIX) and isinstance(value, Mapping):
            for rival, spread in value.items():
                yield " / ".join((*here, rival)), float(spread["median"])
        else:
            yield from ratios(value, here)


def read(place: Path) -> Ratios:
    """The ratios of a record, or of the newest of each bench in a folder.

    Raises `ValueError` for what is no record, or has no ratios.
    """
    files = sorted(place.glob("**/*.json")) if place.is_dir() else [place]
    records = []
    for file in files:
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            records.append((record["date"], record["bench"], record))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file}: got {error!r}, want a record of bench/harness.py") from error
    newest = {bench: record for _, bench, record in sorted(records, key=lambda it: it[:2])}
    found = {
        f"{bench}: {name}": ratio
        for bench, record in newest.items()
        for name, ratio in ratios(record)
    }
    if not found:
        raise ValueError(f"{place}: got no ratio, want records with {PREFIX}")
    return found


def changes(before: Ratios, after: Ratios) -> tuple[Ratios, list[str]]:
    """How many times larger each ratio became, and the names that only one of the two has."""
    common = {name: after[name] / before[name] for name in before if name in after}
    return common, sorted(before.keys() ^ after.keys())


def off(change: float) -> float:
    """How far two are apart, whichever came first: 0.1 where one is 10 % more than the other."""
    return max(change, 1 / change) - 1


def main() -> None:
    """Compare, show, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a record, or a folder of them")
    parser.add_argument("after", type=Path)
    parser.add_argument("--most", type=float, default=0.1, help="that a ratio may be off")
    asked = parser.parse_args()
    try:
        before, after = read(asked.before), read(asked.after)
    except ValueError as error:
        parser.error(str(error))
    common, lacking = changes(before, after)
    for name, change in sorted(common.items(), key=lambda item: -off(item[1])):
        mark = "  <-- too far" if off(change) > asked.most else ""
        print(f"{off(change):6.1%}  {before[name]:8.3g} {after[name]:8.3g}  {name}{mark}")
    for name in lacking:
        print(f"  only in {'the first' if name in before else 'the second'}: {name}")
    far = sum(off(change) > asked.most for change in common.values())
    print(f"{len(common)} ratios, {far} of them more than {asked.most:.0%} apart")
    if far or lacking:
        sys.exit(1)


if __name__ == "__main__":
    main()
