"""One request in one way, on the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from proxyfuse import SamplingParams
from proxyfuse.cli.bench.subject import Way


@dataclass(frozen=True)
class Written:
    """When the tokens of one text were there, in seconds; several may come at once."""

    first: float  # until the first token
    gaps: list[float]  # between what came after
    tokens: int  # that came after
    per_pass: float  # tokens for each pass of the base

    @property
    def per_token(self) -> float:
        """Of the tokens after the first, on average."""
        return sum(self.gaps) / max(self.tokens, 1)


def params(way: Way, tokens: int) -> SamplingParams:
    """Greedy, past any end of text."""
    return SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True, alpha=way.alpha)


def write(way: Way, prompts: Sequence[list[int]], tokens: int) -> Written:
    """Continue all prompts together; the figures are those of the first of them."""
    begin = time.perf_counter()
    watched = way.llm.generate(prompts, params(way, tokens), use_tqdm=False)[0].outputs[0]
    times = watched.token_times
    gaps = [after - before for before, after in pairwise(times) if after > before]
    return Written(
        first=times[0] - begin,
        gaps=gaps,
        tokens=len(times) - times.count(times[0]),
        per_pass=watched.tokens_per_base_pass,
    )
