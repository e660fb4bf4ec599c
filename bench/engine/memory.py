"""Peak resident memory of the engine against weights + arena + the bare runtime.

    python -m bench.engine.memory

Each figure is the peak of a fresh process. The bare runtime is one that has imported everything the
engine imports and done nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from bench.engine.gate import open_llm, random_prompts
from bench.engine.trios import folders
from bench.harness import save
from proxyfuse import SamplingParams
from proxyfuse.engine.load import load  # noqa: F401  (the bare runtime has imported it too)
from proxyfuse.measure import peak_memory
from proxyfuse.models.config import read_config
from proxyfuse.models.weights import weights_bytes

ARENA = 64 << 20  # bytes


def run_engine(name: str, scratch: Path) -> dict[str, int]:
    """Load a trio, touch every page of its arena, decode a crowd."""
    trio = folders(name, scratch)
    vocab = read_config(trio.base).vocab_size
    with open_llm(trio, dtype="bfloat16", kv_cache_bytes=ARENA, max_num_seqs=32) as llm:
        llm._loaded.runner.arena.memory.zero_()
        params = SamplingParams(temperature=0, max_tokens=32, ignore_eos=True)
        llm.generate(random_prompts(32, (16, 64), vocab, seed=5), params, use_tqdm=False)
    sizes = [weights_bytes(at, read_config(at), torch.bfloat16) for at in trio.values()]
    return {"peak": peak_memory(), "weights": sum(sizes), "arena": ARENA}


def measure(name: str, scratch: Path) -> dict[str, Any]:
    """Both processes' peaks, and their ratio."""
    folders(name, scratch)
    bare = _in_a_fresh_process(["--bare"])["peak"]
    engine = _in_a_fresh_process(["--engine", name, str(scratch)])
    promised = engine["weights"] + engine["arena"] + bare
    return {"bare": bare, **engine, "peak_over_sum": engine["peak"] / promised}


def _in_a_fresh_process(arguments: list[str]) -> dict[str, int]:
    command = [sys.executable, "-m", "bench.engine.memory", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Parse, measure, save; or be one of the measured processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trio", default="mid")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--engine", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        print(json.dumps({"peak": peak_memory()}))
    elif arguments.engine:
        print(json.dumps(run_engine(arguments.engine[0], Path(arguments.engine[1]))))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            found = measure(arguments.trio, Path(scratch) / arguments.trio)
        print(f"{arguments.trio}: peak is {found['peak_over_sum']:.3f} of weights + arena + bare")
        save("memory", f"python -m bench.engine.memory --trio {arguments.trio}", found)


if __name__ == "__main__":
    main()
