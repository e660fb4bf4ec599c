"""One turn of streams, taken by a C++ program over libproxyfuse, or by the Python engine."""

from __future__ import annotations

import json
import queue
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from bench.embed.build import build, environment
from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.demo import FOLDER
from proxyfuse.engine.outputs import RequestOutput

ROLES = [FOLDER / role for role in ("base", "expert", "antiexpert")]


@dataclass(frozen=True)
class Shape:
    """Crowds of streams, one crowd after another, each stream of so many tokens."""

    streams: int
    tokens: int
    crowds: int


@dataclass(frozen=True)
class Turn:
    """Medians over streams, in microseconds; and what was written, stream by stream."""

    first_us: float  # from submit to the first news
    token_us: float  # from one token to the next
    cpu_us: float  # of all threads' work per token, spinning included
    tokens: list[list[int]]


class Program:
    """turns.cpp, built against the installed package, answering line by line."""

    def __init__(self, scratch: Path, threads: int) -> None:
        build(Path(__file__).parent / "program", scratch)
        self._process = subprocess.Popen(
            [scratch / "turns", str(threads), *ROLES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def turn(self, shape: Shape) -> Turn:
        """Takes one turn."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{shape.streams} {shape.tokens} {shape.crowds}\n")
        self._process.stdin.flush()
        return Turn(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


@dataclass
class Stream:
    """What one request was told, and when."""

    begun: float
    first: float = 0.0
    last: float = 0.0


class Python:
    """The engine at its cheapest: its own loop, and one thread that empties one queue for all."""

    def __init__(self, threads: int) -> None:
        self._llm = LLM(
            *ROLES, device="cpu", speculate=0, kv_cache_bytes=1 << 27, num_threads=threads
        )

    def turn(self, shape: Shape) -> Turn:
        """Takes one turn."""
        streams: list[Stream] = []
        tokens: list[list[int]] = []
        worked = process_time()
        for _ in range(shape.crowds):
            for stream, written in self._crowd(shape):
                streams.append(stream)
                tokens.append(written)
        work = process_time() - worked
        return Turn(
            first_us=1e6 * median(one.first - one.begun for one in streams),
            token_us=1e6 * median(one.last - one.first for one in streams) / (shape.tokens - 1),
            cpu_us=1e6 * work / (len(streams) * shape.tokens),
            tokens=tokens,
        )

    def _crowd(self, shape: Shape) -> list[tuple[Stream, list[int]]]:
        inbox: queue.SimpleQueue[RequestOutput] = queue.SimpleQueue()
        heard: dict[str, tuple[Stream, list[int]]] = {}
        for at in range(shape.streams):
            params = SamplingParams(max_tokens=shape.tokens, ignore_eos=True, seed=at)
            stream = Stream(perf_counter())
            prompt = Prompt(f"Q: {at} + 1 = ?\n")
            request = self._llm._intake.request(prompt, params, inbox.put, streaming=True)
            heard[request.request_id] = stream, []
            self._llm._loop.submit([request])
        open_ = shape.streams
        while open_:
            news = inbox.get()
            stream, written = heard[news.request_id]
            stream.last = perf_counter()
            stream.first = stream.first or stream.last
            written += news.outputs[0].token_ids
            open_ -= news.finished
        return list(heard.values())

    def close(self) -> None:
        """Release the engine."""
        self._llm.close()
