"""One driver for all operations: choose sizes, gate, time, show, save."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.harness import save
from proxyfuse.measure import ReadStream, Spread
from proxyfuse.measure.kernels import Timed, time_cases
from proxyfuse.measure.ops.case import Case, Place

ROWS, QUICK_ROWS = (1, 8, 64, 256), (1, 64)
VOCABULARIES = (32000, 128256, 151936)  # Llama 2, Llama 3, Qwen


@dataclass(frozen=True)
class Scope:
    """The sizes that are run; every case is one of them for each number of rows."""

    rows: tuple[int, ...] = ROWS
    vocabularies: tuple[int, ...] = VOCABULARIES
    width: int = 1024  # of the model, and so on: what two CPU cores decode at a usable rate
    inner: int = 3584
    heads: int = 16
    key_heads: int = 4
    head_size: int = 64
    context: int = 512

    @classmethod
    def of(cls, place: Place, quick: bool) -> Scope:
        """A GPU's sizes are those of a Llama 3 of 8 billion; quick leaves out the middle."""
        rows = QUICK_ROWS if quick else ROWS
        vocabularies = VOCABULARIES[::2] if quick else VOCABULARIES
        if place.device.type == "cuda":
            return cls(rows, vocabularies, 4096, 14336, 32, 8, 128, 2048)
        return cls(rows, vocabularies)


Cases = Callable[[Place, Scope], Iterator[Case]]


def run(ops: Mapping[str, Cases], module: str) -> None:
    """Parse, time all cases, show each, save; then raise what the first failure was, if any."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, best kernels, 5 rounds")
    parser.add_argument("--rounds", type=int, default=None)
    asked = parser.parse_args()
    place = Place.of(asked.device, every=not asked.quick)
    scope, rounds = Scope.of(place, asked.quick), asked.rounds or (5 if asked.quick else 9)
    stream = ReadStream(place.device)
    found: list[dict[str, Any]] = []
    failures: list[Exception] = []
    try:
        for cases in ops.values():
            try:
                for timed in time_cases(cases(place, scope), place, stream, rounds):
                    show(timed)
                    found.append(timed.record())
            except Exception as failure:  # of one operation; the others are timed
                failures.append(failure)
    finally:  # also where it is interrupted: what was timed is kept
        if found:
            name = "kernels" if len(ops) > 1 else f"kernel-{next(iter(ops))}"
            command = " ".join([f"python -m {module}", *sys.argv[1:]])
            failed = {"failed": [f"{type(one).__name__}: {one}" for one in failures]}
            save(name, command, {"rounds": rounds, "cases": found} | failed)
    if failures:
        raise failures[0]


def show(timed: Timed) -> None:
    """A line for each version."""
    print(f"\n{timed.case}" + ("" if timed.cold else "  (warm: too small to fill the caches)"))
    for name, spent in timed.seconds.items():
        took = Spread.of([1e6 * value for value in spent])
        print(f"  {name:22} {took!s:34} us  {timed.share(name).median:6.1%} of the floor")
    for name, once in timed.too_slow.items():
        print(f"  {name:22} too slow: {once:.2g} s for one call of this or fewer rows")
    for name, why in timed.failed.items():
        print(f"  {name:22} failed: {why.splitlines()[0]}")
