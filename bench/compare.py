"""Whether two runs of one bench, or of `make bench`, say the same: ratios of their ratios.

    make bench && make bench && python -m bench.compare --last
    python -m bench.compare A.json B.json --most 0.05
    python -m bench.compare /tmp/a /tmp/b         the last run in each folder

Compared are what rivals' times are over this engine's, in each state of the machine that both runs
were in (docs/findings/one-link-or-two.md). Absolute times are not: they are the machine's. Exits
with 1 where a ratio of one run is more than `--most` off that of the other, where one run has a
bench, a case or a rival that the other lacks, or where nothing could be compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.harness import RESULTS
from bench.records import Ratio, Ratios, Records, read, sets


def off(before: float, after: float) -> float:
    """How far two are apart, whichever came first: 0.1 where one is 10 % more than the other."""
    return max(before / after, after / before) - 1


def lacking(before: Iterable[Ratio], after: Iterable[Ratio]) -> list[Ratio]:
    """Those of `before` whose rival `after` does not have in that case, in whatever state."""
    there = {(ratio.bench, ratio.case, ratio.rival) for ratio in after}
    return sorted(it for it in before if (it.bench, it.case, it.rival) not in there)


def chosen(asked: argparse.Namespace) -> tuple[Records, Records]:
    """The two runs that were asked for; raises `ValueError` where there are not two."""
    if len(asked.places) == 2 and not asked.last:
        return read(asked.places[0]), read(asked.places[1])
    if asked.last and len(asked.places) <= 1:
        folder = asked.places[0] if asked.places else RESULTS
        *earlier, last = sets(folder)
        for run in reversed(earlier):
            if run.each.keys() == last.each.keys():
                return run, last
        raise ValueError(f"{folder}: got one run of {', '.join(last.each)}, want two")
    raise ValueError(f"got {len(asked.places)} places, want two, or --last and at most one folder")


def table(before: Ratios, after: Ratios, most: float) -> list[str]:
    """Every ratio that both have, the farthest apart first."""
    both = sorted((it for it in before if it in after), key=lambda it: -off(before[it], after[it]))
    lines = [f"{'apart':>6}  {'first':>8} {'second':>8}  ratio"]
    for it in both:
        apart = off(before[it], after[it])
        mark = "  <-- too far" if apart > most else ""
        what = f"{it.bench}: {it.case} / {it.rival}, {it.state}"
        lines.append(f"{apart:6.1%}  {before[it]:8.3g} {after[it]:8.3g}  {what}{mark}")
    return lines


def main() -> None:
    """Compare, show, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="*", type=Path, help="two records, or folders of them")
    parser.add_argument("--last", action="store_true", help="the last two runs of one folder")
    parser.add_argument("--most", type=float, default=0.1, help="that a ratio may be off")
    asked = parser.parse_args()
    try:
        runs = chosen(asked)
        before, after = (run.ratios for run in runs)
    except ValueError as error:
        parser.error(str(error))
    print(
        *(f"{place}: {run.name}" for place, run in zip(("first", "second"), runs, strict=True)),
        sep="\n",
    )
    print(*table(before, after, asked.most), sep="\n")
    sys.exit(verdict(before, after, asked.most))


def verdict(before: Ratios, after: Ratios, most: float) -> int:
    """The exit code, and why."""
    missing = [("first", it) for it in lacking(before, after)]
    missing += [("second", it) for it in lacking(after, before)]
    for place, it in missing:
        print(f"only in the {place}: {it.bench}: {it.case} / {it.rival}")
    both = before.keys() & after.keys()
    alone = before.keys() ^ after.keys()
    unseen = len(alone) - len(missing)
    if unseen:
        print(f"{unseen} more were of a state of the machine that the other run did not see there")
    far = sum(off(before[it], after[it]) > most for it in both)
    print(f"{len(both)} ratios compared, {far} of them more than {most:.0%} apart")
    return int(bool(far or missing or not both))


if __name__ == "__main__":
    main()
