"""How the cost of a token grows with context, batch, vocabulary and the size of the base.

    python -m bench.engine.scaling --plot scaling.png

Each axis changes one thing of a small trio and leaves the rest; the base alone runs in turn. The
plot needs matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.engine.case import Case
from bench.engine.contest import Contest
from bench.engine.figures import by_token, weight_bytes
from bench.engine.gate import random_prompts
from bench.engine.options import command, make_parser, rivals, scratch_folder
from bench.engine.plot import plot
from bench.engine.reads import Reader
from bench.engine.trios import SHAPES, Named, make
from bench.harness import save
from bench.peers.peer import Peer
from proxyfuse.measure import Spread

START = SHAPES["tiny"]
TOKENS, LEAST = 64, 8  # of each continuation: as many, and as few where they are slow


@dataclass(frozen=True)
class Point:
    """One place on an axis."""

    axis: str
    value: int
    named: Named
    batch: int = 1
    context: int = 16  # tokens of the prompt


def points() -> Iterator[Point]:
    """All axes, each from small to large."""
    for context in (16, 256, 1024, 3072):
        yield Point("context", context, START, context=context)
    for batch in (1, 2, 4, 8, 16, 32):
        yield Point("batch", batch, START, batch=batch)
    for vocab in (4096, 32000, 128256):
        yield Point("vocabulary", vocab, replace(START, vocab=vocab))
    for layers in (6, 12, 24, 48):
        deeper = replace(START, base=replace(START.base, layers=layers))
        yield Point("base_layers", layers, deeper)


def measure(
    asked: argparse.Namespace, point: Point, peers: list[Peer], scratch: Path
) -> dict[str, Any]:
    """The gate, then a token's cost, as `latency` measures it."""
    folders = make(point.named, scratch / f"{point.named.vocab}-{point.named.base.layers}")
    contest = Contest(
        peers=peers,
        folders=folders,
        gate=folders,
        device=asked.device,
        apart=asked.apart,
        rounds=asked.rounds,
        seconds=asked.seconds,
        scratch=scratch,
        reader=Reader(asked.device),
    )
    lengths = (point.context, point.context)
    prompts = random_prompts(point.batch, lengths, point.named.vocab, seed=6)
    case = Case(prompts, [TOKENS] * point.batch, point.batch, LEAST)
    columns = contest.run({"it": case})["it"]
    return by_token(columns, weight_bytes(peers, folders), contest.reader)


def main() -> None:
    """Parse, measure, show, plot, save."""
    parser = make_parser(__doc__, [], ["proxyfuse, base alone"], rounds=20, seconds=5)
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    asked = parser.parse_args()
    peers, missing = rivals(asked)
    axes: dict[str, dict[str, Any]] = {}
    with scratch_folder(asked) as scratch:
        for point in points():
            found = measure(asked, point, peers, scratch)
            axes.setdefault(point.axis, {})[str(point.value)] = found
            for name, spread in found["ms_per_token"].items():
                print(f"  {point.axis:12} {point.value:>7}  {name:24} {Spread(**spread)!s:32} ms")
    if asked.plot is not None:
        plot(axes, asked.plot)
    save("scaling", command("bench.engine.scaling"), {"axes": axes, "missing": missing})


if __name__ == "__main__":
    main()
