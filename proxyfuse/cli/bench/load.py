"""Requests of many lengths, and clients that send so many of them at a time."""

from __future__ import annotations

import math
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

from proxyfuse.cli.bench.options import Rounds, Several, each, length, number, several
from proxyfuse.cli.bench.subject import Subject, Way
from proxyfuse.cli.bench.writing import params

LEVELS = (1, 8, 32)
AGAIN = "Requests at a time: who is answered asks again."
SPREAD, MOST = 0.7, 4  # of lengths: standard deviation of the logarithm; times the median at most

Requests = list[tuple[list[int], int]]  # a prompt, and how many tokens to write after it


@dataclass(frozen=True)
class Load:
    """Requests of random ids, their lengths log-normal around a median and the same every time."""

    concurrency: Annotated[Several, several(AGAIN, LEVELS)] = None
    requests: Annotated[int, number("For each of them.")] = 4
    prompt_tokens: Annotated[int, length("Of the median prompt.")] = 64
    tokens: Annotated[int, length("Of the median continuation.")] = 64
    rounds: Rounds = 3

    @property
    def levels(self) -> list[int]:
        """Each once, ascending."""
        return each(self.concurrency, LEVELS)


@dataclass(frozen=True)
class Served:
    """One run of a workload."""

    seconds: float
    each: list[float]  # seconds from asking to the whole answer


def workload(subject: Subject, load: Load, count: int) -> Requests:
    """The same ones every time."""
    rng = random.Random(count)

    def length(median: int) -> int:
        drawn = median * math.exp(rng.gauss(0, SPREAD))
        return max(1, min(round(drawn), MOST * median))

    return [
        (subject.prompts(1, length(load.prompt_tokens), seed=at)[0], length(load.tokens))
        for at in range(count)
    ]


def serve(way: Way, requests: Requests, level: int) -> Served:
    """All requests, `level` of them at a time."""

    def ask(request: tuple[list[int], int]) -> float:
        prompt, tokens = request
        begin = time.perf_counter()
        way.llm.generate([prompt], params(way, tokens), use_tqdm=False)
        return time.perf_counter() - begin

    with ThreadPoolExecutor(level) as clients:
        begin = time.perf_counter()
        each = list(clients.map(ask, requests))
        return Served(time.perf_counter() - begin, each)
