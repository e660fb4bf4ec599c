"""Tokens a second over a workload of mixed lengths, against how many requests run at once.

    python -m bench.engine.throughput                  the demo trio on a CPU
    python -m bench.engine.throughput --workload FILE --concurrency 16 64 256

Rivals without a scheduler take the requests in static batches, in order of arrival.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.engine import workload
from bench.engine.contest import Case, Contest
from bench.engine.figures import per_second, show, times_faster_than
from bench.engine.gate import random_prompts
from bench.engine.options import (
    Material,
    command,
    make_parser,
    materials,
    rivals,
    scratch_folder,
)
from bench.harness import save
from bench.peers.peer import Peer
from proxyfuse.measure import ReadStream
from proxyfuse.models.config import read_config

PEERS = ("proxyfuse*", "Hugging Face loop, *", "llama.cpp loop, bfloat16")


def as_case(requests: Sequence[workload.Asked], vocab: int) -> Case:
    """Random prompts of the lengths asked for."""
    prompts = [
        random_prompts(1, (asked.prompt_tokens,) * 2, vocab, seed=number)[0]
        for number, asked in enumerate(requests)
    ]
    return Case(prompts, [asked.output_tokens for asked in requests])


def measure(
    asked: argparse.Namespace, material: Material, peers: list[Peer], scratch: Path
) -> dict[str, Any]:
    """The gate, then the whole workload by every rival in turn, at each concurrency."""
    case = as_case(requests_of(asked), read_config(material.folders.base).vocab_size)
    stream = ReadStream(asked.device)
    found = {}
    for concurrent in asked.concurrency:
        contest = Contest(
            peers=peers,
            folders=material.folders,
            gate=material.gate,
            device=asked.device,
            sequences=concurrent,
            rounds=asked.rounds,
            scratch=scratch,
            stream=stream,
        )
        columns = contest.run({"workload": case})["workload"]
        found[str(concurrent)] = {
            "tokens_per_second": per_second(columns, sum(case.lengths)),
            "times_faster_than": times_faster_than(columns),
        }
    return {
        "requests": len(case.prompts),
        "prompt_tokens": sum(map(len, case.prompts)),
        "written_tokens": sum(case.lengths),
        "concurrency": found,
    }


def requests_of(asked: argparse.Namespace) -> list[workload.Asked]:
    """The file's, or drawn ones."""
    if asked.workload is not None:
        return workload.read(asked.workload)
    return workload.draw(asked.requests, asked.seed, asked.scale, asked.longest)


def main() -> None:
    """Parse, measure, show, save."""
    parser = make_parser(__doc__, ["demo"], PEERS)
    parser.add_argument("--workload", type=Path, help="JSON lines; see bench.engine.workload")
    parser.add_argument("--requests", type=int, default=64, help="drawn, where there is no file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=0.125, help="times ShareGPT's mean lengths")
    parser.add_argument("--longest", type=int, default=256, help="where lengths are cut")
    parser.add_argument("--concurrency", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    peers, missing = rivals(asked)
    found: dict[str, Any] = {}
    with scratch_folder(asked) as scratch:
        for material in materials(asked, scratch):
            figures = measure(asked, material, peers, scratch / "files")
            found[material.name] = figures
            for concurrent, its in figures["concurrency"].items():
                title = f"{material.name}: {figures['requests']} requests, {concurrent} at a time"
                show(title, "tokens/s", its["tokens_per_second"], its)
    save("throughput", command("bench.engine.throughput"), {"trios": found, "missing": missing})


if __name__ == "__main__":
    main()
