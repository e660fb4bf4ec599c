"""Microseconds to the first callback and per token: libproxyfuse, and the Python engine beside it.

    python -m bench.embed.latency
    python -m bench.embed.latency --streams 1 16 64 --tokens 200 --seconds 60

Both load the demo trio and take short turns A B B A; every ratio is of two turns of one round, and
both turns must have written the same tokens. The Python side is the engine at its cheapest, without
`LLM.stream` and its generators. Speculation is off: then a step is a token. `cpu_us` is the work of
all threads per token: with `--threads 1`, where none spins for another, it says what is added on a
machine that others load too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import sleep
from typing import Any

from bench.embed.sides import Program, Python, Shape, Turn
from bench.harness import save
from proxyfuse.measure import Spread, in_turn, ratios

AT_LEAST = 8  # streams in a turn: where fewer run at once, they come one crowd after another
ROUNDS = 1000  # at most; `--seconds` is what ends them
PAUSE = 0.05  # seconds before a turn, in which the other side's threads fall asleep
NAMES = ("first_us", "token_us", "cpu_us")


class WrongOutputError(Exception):
    """What was written is not what the other side wrote: nothing is worth timing."""


def require_same(cpp: Turn, python: Turn, shape: Shape) -> None:
    """Raise unless both wrote the same tokens, and as many as they were asked for."""
    lengths = {len(stream) for stream in (*cpp.tokens, *python.tokens)}
    if lengths != {shape.tokens} or cpp.tokens != python.tokens:
        raise WrongOutputError(f"{shape}: C++ wrote {cpp.tokens}, Python {python.tokens}")


def pause() -> None:
    """`asleep` sees this process alone; the threads that may spin are the program's too."""
    sleep(PAUSE)


def compare(program: Program, python: Python, shape: Shape, seconds: float) -> dict[str, Any]:
    """Spreads of each side and of the ratio within rounds, with every round's times."""
    require_same(program.turn(shape), python.turn(shape), shape)
    sides = [lambda: program.turn(shape), lambda: python.turn(shape)]
    ours, theirs = in_turn(sides, ROUNDS, warm_up=2, before=pause, patience=seconds)
    found: dict[str, Any] = {"crowds": shape.crowds, "rounds": len(ours)}
    for pair in zip(ours, theirs, strict=True):
        require_same(*pair, shape)
    for name in NAMES:
        mine = [float(getattr(turn, name)) for turn in ours]
        other = [float(getattr(turn, name)) for turn in theirs]
        added = [a - b for a, b in zip(mine, other, strict=True)]
        columns = {"cpp": mine, "python": other, "added": added}
        found[name] = {side: vars(Spread.of(column)) for side, column in columns.items()}
        found[name]["cpp_over_python"] = vars(ratios(mine, other))
        found[name]["rounds"] = [mine, other]
    return found


def show(streams: int, found: dict[str, Any]) -> None:
    """A line for each figure."""
    for name in NAMES:
        figures, ratio = found[name], found[name]["cpp_over_python"]
        print(
            f"{streams:3} streams  {name:9} C++ {figures['cpp']['median']:9.1f}"
            f"  Python {figures['python']['median']:9.1f}  ratio {ratio['median']:.3f}"
            f" ({ratio['least']:.3f} to {ratio['most']:.3f}) in {found['rounds']} rounds",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--tokens", type=int, default=64, help="of each stream")
    parser.add_argument("--seconds", type=float, default=20, help="for each number of streams")
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="of the kernels"
    )
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        program, python = Program(Path(scratch), asked.threads), Python(asked.threads)
        for streams in asked.streams:
            shape = Shape(streams, asked.tokens, max(1, AT_LEAST // streams))
            figures[str(streams)] = found = compare(program, python, shape, asked.seconds)
            show(streams, found)
        program.close()
        python.close()
    command = "python -m bench.embed.latency " + " ".join(sys.argv[1:])
    about = {"tokens": asked.tokens, "threads": asked.threads}
    save("embed-latency", command.strip(), about | {"streams": figures})


if __name__ == "__main__":
    main()
