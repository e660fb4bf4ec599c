"""One request in one way, on the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from proxyfuse import SamplingParams
from proxyfuse.cli.bench.subject import Way


@dataclass(frozen=True)
class Written:
    """What the reader of one stream saw, in seconds."""

    first: float  # until the first token
    gaps: list[float]  # between what came after; several tokens may come at once
    tokens: int
    per_pass: float  # tokens for each pass of the base

    @property
    def per_token(self) -> float:
        """Of the tokens after the first, on average."""
        return sum(self.gaps) / max(self.tokens - 1, 1)


def params(way: Way, tokens: int) -> SamplingParams:
    """Greedy, past any end of text."""
    return SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True, alpha=way.alpha)


def write(way: Way, prompts: Sequence[list[int]], tokens: int) -> Written:
    """Continue all prompts together, and watch the first of them."""
    watched, *others = prompts
    with ThreadPoolExecutor(1) as aside:
        if others:
            rest = aside.submit(way.llm.generate, others, params(way, tokens), False)
        stamps = [time.perf_counter()]
        for news in way.llm.stream(watched, params(way, tokens)):
            stamps.append(time.perf_counter())
            last = news.outputs[0]
        if others:
            rest.result()
    gaps = [after - before for before, after in pairwise(stamps)]
    return Written(gaps[0], gaps[1:], tokens, last.tokens_per_base_pass)
