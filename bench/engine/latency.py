"""Milliseconds a token and to the first token, by batch size and prompt length, against rivals.

    python -m bench.engine.latency                     demo and mid on a CPU
    python -m bench.engine.latency --trio mid --batch 1 4 --tokens 64 --rounds 5
    python -m bench.engine.latency --device cuda --trio llama2-13b+7b --agreeing
    python -m bench.engine.latency --base DIR --expert DIR --antiexpert DIR

A token's time is that of a whole run less that of its first token, in the same round.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench.engine.contest import Case, Column, Contest
from bench.engine.figures import milliseconds, shares, show, times_faster_than, weight_bytes
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
from bench.engine.pace import pace
from bench.harness import save
from bench.peers.engine import open_llm
from bench.peers.lineup import MINE, PLAIN
from bench.peers.peer import Peer
from proxyfuse.measure import ReadStream, Spread
from proxyfuse.models.config import read_config

PROMPT = 16  # tokens of the prompts whose continuations are timed
SPECULATE: dict[str, int | str] = {MINE: "auto", PLAIN: 0}


def make_cases(asked: argparse.Namespace, vocab: int) -> dict[str, Case]:
    """The first token and all tokens of each batch, and the first token after each prompt."""
    cases = {}
    for batch in asked.batch:
        prompts = random_prompts(batch, (PROMPT, PROMPT), vocab, seed=2)
        cases[f"first {batch}"] = Case(prompts, [1] * batch)
        cases[f"whole {batch}"] = Case(prompts, [asked.tokens] * batch)
    for length in asked.prompts:
        prompts = random_prompts(1, (length, length), vocab, seed=3)
        cases[f"prompt {length}"] = Case(prompts, [1])
    return cases


def measure(
    asked: argparse.Namespace, material: Material, peers: list[Peer], scratch: Path
) -> dict[str, Any]:
    """The gate, then every rival's runs of every case in turn."""
    cases = make_cases(asked, read_config(material.folders.base).vocab_size)
    contest = Contest(
        peers=peers,
        folders=material.folders,
        gate=material.gate,
        device=asked.device,
        sequences=max(asked.batch),
        rounds=asked.rounds,
        scratch=scratch,
        stream=ReadStream(asked.device),
    )
    columns = contest.run(cases)
    reads = columns[f"first {asked.batch[0]}"][MINE].read
    return {
        "prompt_tokens": PROMPT,
        "tokens": asked.tokens,
        "weight_bytes": {peer.name: weight_bytes(peer, material.folders) for peer in peers},
        "read_gb_per_s": vars(Spread.of([contest.stream.bytes / 1e9 / it for it in reads])),
        "batches": {
            str(batch): decoding(contest, columns, batch, asked.tokens - 1)
            | {"pace": paces(contest, cases[f"whole {batch}"])}
            for batch in asked.batch
        },
        "prompts": {
            str(length): {
                "ms": milliseconds(columns[f"prompt {length}"]),
                "times_faster_than": times_faster_than(columns[f"prompt {length}"]),
            }
            for length in asked.prompts
        },
    }


def decoding(
    contest: Contest, columns: dict[str, dict[str, Column]], batch: int, steps: int
) -> dict[str, Any]:
    """Figures of the tokens after the first, one of every sequence in each step."""
    begun, done = columns[f"first {batch}"], columns[f"whole {batch}"]
    left = {name: column.minus(begun[name]) for name, column in done.items()}
    peers = {peer.name: peer for peer in contest.peers}
    return {
        "ms_per_token": milliseconds(left, steps),
        "share_of_floor": shares(left, peers, contest.folders, steps, contest.stream.bytes),
        "times_faster_than": times_faster_than(left),
    }


def paces(contest: Contest, case: Case) -> dict[str, Any]:
    """Single tokens of this engine, with and without drafting ahead."""
    ours = [peer for peer in contest.peers if peer.name in SPECULATE]
    found = {}
    for peer in ours:
        setup = contest.setup(peer, case.longest, len(case.prompts))
        with open_llm(contest.folders, setup, SPECULATE[peer.name]) as llm:
            found[peer.name] = pace(llm, case)
    return found


def tell(name: str, figures: dict[str, Any]) -> None:
    """Everything, for people."""
    for batch, found in figures["batches"].items():
        show(f"{name}, batch {batch}, a token", "ms", found["ms_per_token"], found)
        for peer, its in found["pace"].items():
            print(
                f"  {peer}, tokens as they arrive: median {its['median_ms']:.3g} ms, p99"
                f" {its['p99_ms']:.3g} ms, {its['tokens_per_pass']:.2f} a pass of the base"
            )
    for length, found in figures["prompts"].items():
        show(f"{name}, first token after {length}", "ms", found["ms"], found)


def main() -> None:
    """Parse, measure, show, save."""
    parser = make_parser(__doc__, CPU_SET, ["*"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4], help="sizes")
    parser.add_argument("--prompts", nargs="*", type=int, default=[128], help="lengths")
    parser.add_argument("--tokens", type=int, default=25, help="of each continuation")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    peers, missing = rivals(asked)
    found: dict[str, Any] = {}
    with scratch_folder(asked) as scratch:
        for material in materials(asked, scratch):
            found[material.name] = measure(asked, material, peers, scratch / "files")
            tell(material.name, found[material.name])
    save("latency", command("bench.engine.latency"), {"trios": found, "missing": missing})


if __name__ == "__main__":
    main()
