"""Whether two runs of one bench, or of `make bench`, say the same: ratios of their ratios.

    make bench && make bench && python -m bench.compare --last
    python -m bench.compare A.json B.json --most 0.05
    python -m bench.compare /tmp/a /tmp/b         the last run in each folder

Compared are what rivals' times are over this engine's, in each state of the machine that both runs
were in (docs/findings/one-link-or-two.md). Absolute times are not: they are the machine's. Beside
each stands how far two standard errors of the two medians would put them apart by chance. Exits
with 1 where a ratio of one run is more than `--most` off that of the other, where one run has a
bench, a case or a rival that the other lacks, or where nothing could be compared.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.harness import RESULTS
from bench.records import MIXED, Known, Ratio, Ratios, Records, read, sets

ERRORS = 2  # standard errors that chance is allowed


def off(before: Known, after: Known) -> float:
    """How far two are apart, whichever came first: 0.1 where one is 10 % more than the other."""
    return max(before.median / after.median, after.median / before.median) - 1


def allowed(before: Known, after: Known) -> float | None:
    """How far two may be apart by chance: two standard errors of what is between them.

    None where a record does not tell them. One in twenty is farther, if nothing but chance is at
    work.
    """
    if before.error is None or after.error is None:
        return None
    return math.exp(ERRORS * math.hypot(before.error, after.error)) - 1


def comparable(before: Ratios, after: Ratios) -> list[Ratio]:
    """What both have in one state of the machine, the farthest apart first."""
    both = [it for it in before if it in after and it.state != MIXED]
    return sorted(both, key=lambda it: -off(before[it], after[it]))


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
    """Every ratio that both have, the farthest apart first, and how far chance would put them."""
    lines = [f"{'apart':>6} {'chance':>6}  {'first':>8} {'second':>8}  ratio"]
    for it in comparable(before, after):
        apart, chance = off(before[it], after[it]), allowed(before[it], after[it])
        told = "-" if chance is None else f"{chance:.1%}"
        marks = ["too far"] * (apart > most)
        if chance is not None and (apart > most or apart > chance):
            marks.append("within both errors" if apart <= chance else "beyond both errors")
        what = f"{it.bench}: {it.case} / {it.rival}, {it.state}"
        mark = f"  <-- {', '.join(marks)}" if marks else ""
        first, second = before[it].median, after[it].median
        lines.append(f"{apart:6.1%} {told:>6}  {first:8.3g} {second:8.3g}  {what}{mark}")
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
    both = comparable(before, after)
    alone = (before.keys() | after.keys()) - set(both)
    unseen = len(alone) - len(missing)
    if unseen:
        print(f"{unseen} more were of a state of the machine that the other run did not see there")
    chances = {it: allowed(before[it], after[it]) for it in both}
    beyond = sum(off(before[it], after[it]) > of for it, of in chances.items() if of is not None)
    told = sum(of is not None for of in chances.values())
    if told:
        print(f"{beyond} of {told} are farther apart than two standard errors")
    far = sum(off(before[it], after[it]) > most for it in both)
    print(f"{len(both)} ratios compared, {far} of them more than {most:.0%} apart")
    return int(bool(far or missing or not both))


if __name__ == "__main__":
    main()
