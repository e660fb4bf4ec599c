"""Microseconds to the first callback and per token: libproxyfuse, and the Python engine beside it.

    python -m bench.embed.latency
    python -m bench.embed.latency --streams 1 16 64 --tokens 200 --rounds 9

Both load the demo trio, and take turns in every round; ratios are within a round. The Python side
is the engine at its cheapest: one thread empties one queue for all streams. Its tokens and those of
C++ are compared by tests/embed. Speculation is off: then a step is a token. `cpu_us` is the work of
all threads per token: with `--threads 1`, where none spins for another, it says what is added on a
machine that others load too.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from bench.embed.build import build, environment
from bench.harness import save
from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.demo import FOLDER
from proxyfuse.engine.outputs import RequestOutput

ROLES = ("base", "expert", "antiexpert")
Times = dict[str, float]
NAMES = ("first_us", "token_us", "cpu_us")


class Program:
    """rounds.cpp, built against the installed package, answering line by line."""

    def __init__(self, scratch: Path, threads: int) -> None:
        build(Path(__file__).parent / "program", scratch)
        self._process = subprocess.Popen(
            [scratch / "rounds", str(threads), *(FOLDER / role for role in ROLES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def round(self, streams: int, tokens: int) -> Times:
        """One round's times."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{streams} {tokens}\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def python_round(llm: LLM, streams: int, tokens: int) -> Times:
    """The same round, on the engine's own loop."""
    inbox: queue.SimpleQueue[RequestOutput] = queue.SimpleQueue()
    begun: dict[str, float] = {}
    worked = process_time()
    for at in range(streams):
        params = SamplingParams(max_tokens=tokens, ignore_eos=True, seed=at)
        start = perf_counter()
        prompt = Prompt(f"Q: {at} + 1 = ?\n")
        request = llm._intake.request(prompt, params, inbox.put, streaming=True)
        begun[request.request_id] = start
        llm._loop.submit([request])
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    open_ = streams
    while open_:
        news = inbox.get()
        now = perf_counter()
        first.setdefault(news.request_id, now)
        last[news.request_id] = now
        open_ -= news.finished
    wait = sum(first[name] - begun[name] for name in begun) / streams
    each = sum(last[name] - first[name] for name in begun) / streams / (tokens - 1)
    work = (process_time() - worked) / streams / tokens
    return {"first_us": 1e6 * wait, "token_us": 1e6 * each, "cpu_us": 1e6 * work}


def compare(program: Program, llm: LLM, streams: int, tokens: int, rounds: int) -> dict[str, Any]:
    """Medians of each, and of the ratio within rounds."""
    turns = []
    for number in range(rounds + 1):
        ours, theirs = program.round(streams, tokens), python_round(llm, streams, tokens)
        if number:  # the first warms both up
            turns.append((ours, theirs))
    found: dict[str, Any] = {}
    for name in NAMES:
        ratios = sorted(ours[name] / theirs[name] for ours, theirs in turns)
        found[name] = {
            "cpp": median(ours[name] for ours, _ in turns),
            "python": median(theirs[name] for _, theirs in turns),
            "ratio": median(ratios),
            "ratio_least": ratios[0],
            "ratio_most": ratios[-1],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--tokens", type=int, default=120, help="of each stream")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="of the kernels"
    )
    asked = parser.parse_args()
    roles = [FOLDER / role for role in ROLES]
    columns = {}
    with tempfile.TemporaryDirectory() as scratch:
        llm = LLM(
            *roles, device="cpu", speculate=0, kv_cache_bytes=1 << 27, num_threads=asked.threads
        )
        program = Program(Path(scratch), asked.threads)
        for streams in asked.streams:
            found = compare(program, llm, streams, asked.tokens, asked.rounds)
            columns[str(streams)] = found
            for name, figures in found.items():
                row = "  ".join(f"{key} {value:9.3f}" for key, value in figures.items())
                print(f"{streams:3} streams  {name:9} {row}")
        program.close()
        llm.close()
    command = "python -m bench.embed.latency " + " ".join(sys.argv[1:])
    save(
        "embed",
        command.strip(),
        {"tokens": asked.tokens, "threads": asked.threads, "streams": columns},
    )


if __name__ == "__main__":
    main()
