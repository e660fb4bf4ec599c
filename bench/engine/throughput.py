"""128 requests of mixed lengths, 32 at a time, against the loop in static batches of 32.

python -m bench.engine.throughput
"""

from __future__ import annotations

import argparse
import random
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
from proxyfuse.measure import Spread, in_turn, times_faster
from proxyfuse.models.config import read_config
from proxyfuse.trio import Trio

REQUESTS, CONCURRENT = 128, 32
PROMPTS, LENGTHS = (8, 192), (8, 128)  # tokens, uniformly


def engine_run(llm: LLM, prompts: list[list[int]], lengths: list[int]) -> Callable[[], object]:
    """All requests at once; the engine decides who runs."""
    params = [
        SamplingParams(temperature=0, max_tokens=length, ignore_eos=True) for length in lengths
    ]
    return lambda: llm.generate(prompts, params, use_tqdm=False)


def peer_run(
    trio: Trio[Path], dtype: torch.dtype, prompts: list[list[int]], lengths: list[int]
) -> Callable[[], object]:
    """Batch after batch, in order of arrival."""
    models = hf_loop.load(trio, dtype)
    shared = [Trio(dict.fromkeys(models, prompt)) for prompt in prompts]

    def run() -> None:
        for at in range(0, len(shared), CONCURRENT):
            hf_loop.generate(models, shared[at : at + CONCURRENT], lengths[at : at + CONCURRENT])

    return run


def measure(name: str, requests: int, rounds: int, scratch: Path) -> dict[str, Any]:
    """The gate, then the workload both ways in turn."""
    trio = folders(name, scratch / name)
    vocab = read_config(trio.base).vocab_size
    require_equal(trio, vocab)
    prompts = random_prompts(requests, PROMPTS, vocab, seed=3)
    rng = random.Random(4)
    lengths = [rng.randint(*LENGTHS) for _ in prompts]
    with open_llm(trio, dtype="bfloat16", max_num_seqs=CONCURRENT) as llm:
        runs = {
            "proxyfuse": engine_run(llm, prompts, lengths),
            "Hugging Face loop, bfloat16": peer_run(trio, torch.bfloat16, prompts, lengths),
            "Hugging Face loop, float32": peer_run(trio, torch.float32, prompts, lengths),
        }
        columns = dict(zip(runs, in_turn(list(runs.values()), rounds, warm_up=0), strict=True))
    return {
        "requests": requests,
        "concurrent": CONCURRENT,
        "written_tokens": sum(lengths),
        "tokens_per_second": {
            way: vars(Spread.of([sum(lengths) / value for value in column]))
            for way, column in columns.items()
        },
        "times_faster_than": times_faster(columns, "proxyfuse"),
    }


def show(name: str, figures: dict[str, Any]) -> None:
    """The same as a table."""
    print(f"\n{name}: {figures['requests']} requests, {figures['concurrent']} at a time")
    for way, spread in figures["tokens_per_second"].items():
        more = figures["times_faster_than"].get(way)
        ratio = f"proxyfuse is {Spread(**more)} times as fast" if more else ""
        print(f"  {way:30} {Spread(**spread)!s:32} tokens/s  {ratio}")


def main() -> None:
    """Parse, measure, show, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trio", nargs="+", default=["demo"])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.trio:
            found[name] = measure(name, arguments.requests, arguments.rounds, Path(scratch))
            show(name, found[name])
    save("throughput", " ".join(["python -m bench.engine.throughput", *sys.argv[1:]]), found)


if __name__ == "__main__":
    main()
