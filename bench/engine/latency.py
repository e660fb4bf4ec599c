"""Milliseconds a token and to the first token, by batch size and prompt length, against rivals.

    python -m bench.engine.latency                     demo and mid on a CPU
    python -m bench.engine.latency --trio mid --batch 1 4 --tokens 64 --seconds 60
    python -m bench.engine.latency --device cuda --trio llama2-13b+7b --agreeing --apart
    python -m bench.engine.latency --base DIR --expert DIR --antiexpert DIR

A token's time is taken between the first and the last of one run. Turns are short and many: who is
slow writes fewer tokens in one. A round is one of a rival and one of this engine; the next is where
a ratio is least certain, until all are within 2 % or `--seconds` have passed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bench.engine.case import Case
from bench.engine.contest import Contest, Interrupted
from bench.engine.figures import (
    by_token,
    milliseconds,
    read_rate,
    rounds,
    show,
    times_faster_than,
    weight_bytes,
)
from bench.engine.gate import random_prompts
from bench.engine.options import (
    CPU_SET,
    Material,
    command,
    make_parser,
    materials,
    rivals,
    scratch_folder,
)
from bench.engine.passed import shared
from bench.engine.reads import Reader
from bench.engine.storage import stored
from bench.engine.turn import whole
from bench.harness import save
from bench.peers.peer import Peer
from proxyfuse.models.config import read_config

PROMPT = 16  # tokens of the prompts whose continuations are timed
# tokens of a continuation, however slow they come: in three of a GPU's at most one draft would fit
LEAST = {"cpu": 3, "cuda": 48}


def make_cases(asked: argparse.Namespace, vocab: int) -> dict[str, Case]:
    """The tokens of each batch, and the first token after each prompt."""
    cases, room = {}, max(asked.batch)
    for batch in asked.batch:
        prompts = random_prompts(batch, (PROMPT, PROMPT), vocab, seed=2)
        least = min(LEAST[asked.device], asked.tokens)
        cases[f"batch {batch}"] = Case(prompts, [asked.tokens] * batch, room, least)
    for length in asked.prompts:
        prompts = random_prompts(1, (length, length), vocab, seed=3)
        cases[f"prompt {length}"] = Case(prompts, [1], room, figure=whole)
    return cases


def measure(
    asked: argparse.Namespace, material: Material, peers: list[Peer], scratch: Path
) -> dict[str, Any]:
    """The gate, then every rival's runs of every case in turn.

    Interrupted, what was done by then, which says so; raises `Interrupted` where nothing was.
    """
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
        passed=shared(asked.scratch, asked.device, command("bench.engine.latency")),
    )
    interrupted = False
    try:
        columns = contest.run(make_cases(asked, read_config(material.folders.base).vocab_size))
    except Interrupted as stopped:
        if not stopped.columns:
            raise
        columns, interrupted = stopped.columns, True
    reader = contest.reader
    sizes = weight_bytes(peers, material.folders, material.load_format)
    batches = {size: its for size in asked.batch if (its := columns.get(f"batch {size}"))}
    prompts = {size: its for size in asked.prompts if (its := columns.get(f"prompt {size}"))}
    return {
        "interrupted": interrupted,
        "prompt_tokens": PROMPT,
        "tokens": asked.tokens,
        "apart": asked.apart,
        "gate": contest.passed.told,
        "load_format": material.load_format,
        "stored": stored(material.folders),
        "weight_bytes": sizes,
        "gpu_bytes": contest.held if asked.device == "cuda" else {},
        "batches": {
            str(batch): {"read_gb_per_s": read_rate(its, reader)} | by_token(its, sizes, reader)
            for batch, its in batches.items()
        },
        "prompts": {
            str(length): {
                "ms": milliseconds(its, whole),
                "times_faster_than": times_faster_than(its, whole, reader),
                "rounds": rounds(its, whole),
            }
            for length, its in prompts.items()
        },
    }


def tell(name: str, figures: dict[str, Any]) -> None:
    """Everything, for people."""
    if figures["apart"]:
        print(f"\n{name}: one was open at a time, so ratios are of different minutes")
    for peer, held in figures["gpu_bytes"].items():
        print(f"  {peer:36} took {held / 1e9:.1f} GB of the GPU to open")
    for batch, found in figures["batches"].items():
        show(f"{name}, batch {batch}, a token", "ms", found["ms_per_token"], found)
        for peer, its in found["arrivals"].items():
            print(
                f"  {peer:36} waits for {its['tokens_each']:.2f} tokens: median"
                f" {its['median_ms']:.3g} ms, p99 {its['p99_ms']:.3g} ms of {its['count']}"
            )
        for peer, its in found["host"].items():
            host, waited = its["host_us"]["median"], its["waited_us"]["median"]
            print(f"  {peer:36} host {host:.0f} us a step, and waits {waited:.0f} us for the GPU")
    for length, found in figures["prompts"].items():
        show(f"{name}, first token after {length}", "ms", found["ms"], found)


def main() -> None:
    """Parse, measure, show, save: all, or what was found until an interrupt."""
    parser = make_parser(__doc__, CPU_SET, ["*"], rounds=100, seconds=110)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4], help="sizes")
    parser.add_argument("--prompts", nargs="*", type=int, default=[128], help="lengths")
    parser.add_argument("--tokens", type=int, default=128, help="of each continuation, at most")
    asked = parser.parse_args()
    peers, missing = rivals(asked)
    found: dict[str, Any] = {}
    interrupted = False
    try:
        with scratch_folder(asked) as scratch:
            for material in materials(asked, scratch):
                figures = measure(asked, material, peers, scratch / "files")
                found[material.name] = figures
                tell(material.name, figures)
                if figures["interrupted"]:
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        interrupted = True
    if found:
        figures = {"interrupted": interrupted, "trios": found, "missing": missing}
        save("latency", command("bench.engine.latency"), figures)
    if interrupted:
        sys.exit("interrupted: trios, cases and rivals that were not finished are left out")


if __name__ == "__main__":
    main()
