"""Batch-1 decoding: milliseconds a token, against the Hugging Face loop and the memory floor.

python -m bench.engine.latency            demo and mid, saved under bench/results
python -m bench.engine.latency --trio mid --tokens 64 --rounds 5
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.engine.gate import open_llm, random_prompts, require_equal
from bench.engine.trios import folders
from bench.harness import save
from bench.peers import hf_loop
from proxyfuse import LLM, SamplingParams
from proxyfuse.measure import (
    ReadStream,
    Spread,
    bytes_a_token,
    in_turn,
    share_of_floor,
    times_faster,
)
from proxyfuse.models.config import read_config
from proxyfuse.trio import Role, Trio

PROMPT = 16  # tokens


def engine_run(llm: LLM, prompt: list[int], tokens: int, alpha: float) -> Callable[[], object]:
    """One request of the engine."""
    params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True, alpha=alpha)
    return lambda: llm.generate([prompt], params, use_tqdm=False)


def peer_run(
    trio: Trio[Path], dtype: torch.dtype, prompt: list[int], tokens: int
) -> Callable[[], object]:
    """The same request of the Hugging Face loop."""
    models = hf_loop.load(trio, dtype)
    shared = [Trio(dict.fromkeys(models, prompt))]
    return lambda: hf_loop.generate(models, shared, [tokens])


def measure(name: str, tokens: int, rounds: int, scratch: Path) -> dict[str, Any]:
    """The gate, then four ways of writing the same request in turn, and a plain read of memory."""
    trio = folders(name, scratch / name)
    vocab = read_config(trio.base).vocab_size
    require_equal(trio, vocab)
    (prompt,) = random_prompts(1, (PROMPT, PROMPT), vocab, seed=2)
    stream = ReadStream()
    with open_llm(trio, dtype="bfloat16") as llm:
        runs = {
            "proxyfuse": engine_run(llm, prompt, tokens, 1.0),
            "proxyfuse, base alone": engine_run(llm, prompt, tokens, 0.0),
            "Hugging Face loop, bfloat16": peer_run(trio, torch.bfloat16, prompt, tokens),
            "Hugging Face loop, float32": peer_run(trio, torch.float32, prompt, tokens),
            "read": stream,
        }
        columns = dict(zip(runs, in_turn(list(runs.values()), rounds), strict=True))
    reads = columns.pop("read")
    weights = {
        "proxyfuse": bytes_a_token(trio, torch.bfloat16, tuple(Role)),
        "proxyfuse, base alone": bytes_a_token(trio, torch.bfloat16, (Role.BASE,)),
    }
    return {
        "prompt_tokens": PROMPT,
        "tokens": tokens,
        "weight_bytes": weights,
        "read_gb_per_s": vars(Spread.of([stream.bytes / 1e9 / value for value in reads])),
        "ms_per_token": {
            way: vars(Spread.of([1e3 * value / tokens for value in column]))
            for way, column in columns.items()
        },
        "share_of_floor": {
            way: vars(share_of_floor(reads, [c / tokens for c in columns[way]], stream.bytes, size))
            for way, size in weights.items()
        },
        "times_faster_than": times_faster(columns, "proxyfuse"),
    }


def show(name: str, figures: dict[str, Any]) -> None:
    """The same as a table."""
    print(f"\n{name}: {figures['prompt_tokens']} + {figures['tokens']} tokens, batch 1")
    for way, spread in figures["ms_per_token"].items():
        more = figures["times_faster_than"].get(way)
        ratio = f"proxyfuse is {Spread(**more)} times as fast" if more else ""
        share = figures["share_of_floor"].get(way)
        floor = f"{share['median']:.0%} of the floor" if share else ""
        print(f"  {way:30} {Spread(**spread)!s:32} ms  {floor:18} {ratio}")


def main() -> None:
    """Parse, measure, show, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trio", nargs="+", default=["demo", "mid"])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.trio:
            found[name] = measure(name, arguments.tokens, arguments.rounds, Path(scratch))
            show(name, found[name])
    save("latency", " ".join(["python -m bench.engine.latency", *sys.argv[1:]]), found)


if __name__ == "__main__":
    main()
