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
from bench.engine.case import Case
from bench.engine.contest import Contest
from bench.engine.figures import per_second, read_rate, rounds, show, times_faster_than
from bench.engine.gate import random_prompts
from bench.engine.options import (
    Material,
    command,
    make_parser,
    materials,
    rivals,
    scratch_folder,
)
from bench.engine.reads import Reader
from bench.engine.storage import stored
from bench.engine.turn import whole
from bench.harness import save
from bench.peers.peer import Peer
from proxyfuse.models.config import read_config

PEERS = ("proxyfuse*", "Hugging Face loop, bfloat16", "llama.cpp loop, bfloat16")
TURN = 0.5  # seconds


def as_case(requests: Sequence[workload.Asked], vocab: int, concurrent: int) -> Case:
    """Random prompts of the lengths asked for."""
    prompts = [
        random_prompts(1, (asked.prompt_tokens,) * 2, vocab, seed=number)[0]
        for number, asked in enumerate(requests)
    ]
    lengths = [asked.output_tokens for asked in requests]
    return Case(prompts, lengths, concurrent, turn=TURN, figure=whole)


def measure(
    asked: argparse.Namespace, material: Material, peers: list[Peer], scratch: Path
) -> dict[str, Any]:
    """The gate, then the whole workload by every rival in turn, at each concurrency."""
    requests, vocab = requests_of(asked), read_config(material.folders.base).vocab_size
    contest = Contest(
        peers=peers,
        folders=material.folders,
        gate=material.gate,
        load_format=material.load_format,
        device=asked.device,
        apart=asked.apart,
        rounds=asked.rounds,
        seconds=asked.seconds,
        scratch=scratch,
        reader=Reader(asked.device),
    )
    written = sum(request.output_tokens for request in requests)
    columns = contest.run({str(most): as_case(requests, vocab, most) for most in asked.concurrency})
    return {
        "apart": asked.apart,
        "load_format": material.load_format,
        "stored": stored(material.folders),
        "requests": len(requests),
        "prompt_tokens": sum(request.prompt_tokens for request in requests),
        "written_tokens": written,
        "concurrency": {
            most: {
                "tokens_per_second": per_second(its, written),
                "times_faster_than": times_faster_than(its, whole, contest.reader),
                "read_gb_per_s": read_rate(its, contest.reader),
                "rounds": rounds(its, whole),
            }
            for most, its in columns.items()
        },
    }


def requests_of(asked: argparse.Namespace) -> list[workload.Asked]:
    """The file's, or drawn ones."""
    if asked.workload is not None:
        return workload.read(asked.workload)
    return workload.draw(asked.requests, asked.seed, asked.scale, asked.longest)


def main() -> None:
    """Parse, measure, show, save."""
    parser = make_parser(__doc__, ["demo"], PEERS, rounds=100, seconds=60)
    parser.add_argument("--workload", type=Path, help="JSON lines; see bench.engine.workload")
    parser.add_argument("--requests", type=int, default=48, help="drawn, where there is no file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=0.125, help="times ShareGPT's mean lengths")
    parser.add_argument("--longest", type=int, default=128, help="where lengths are cut")
    parser.add_argument("--concurrency", nargs="+", type=int, default=[4, 32])
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
