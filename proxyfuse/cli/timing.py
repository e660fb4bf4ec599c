"""How long a token takes, steered and unsteered, and how fast it could be."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from typer import Option

from proxyfuse import LLM, SamplingParams
from proxyfuse.cli.fit import Fit
from proxyfuse.models.weights import lookup_bytes
from proxyfuse.trio import Role

PANEL = "Workload"
COPIED = 256 << 20  # bytes; larger than any cache, so that a copy measures memory


@dataclass(frozen=True)
class Workload:
    """What is timed: random prompts, continued greedily past any end of text."""

    batch: Annotated[int, Option(min=1, metavar="N", help="Sequences.", rich_help_panel=PANEL)] = 1
    prompt_tokens: Annotated[
        int, Option(min=1, metavar="TOKENS", help="Of each prompt.", rich_help_panel=PANEL)
    ] = 64
    tokens: Annotated[
        int, Option(min=2, metavar="TOKENS", help="Of each continuation.", rich_help_panel=PANEL)
    ] = 64
    repeats: Annotated[
        int, Option(min=1, metavar="N", help="Pairs of runs.", rich_help_panel=PANEL)
    ] = 5

    def prompts(self, vocabulary: int) -> list[list[int]]:
        """The same ones every time."""
        rng = random.Random(0)
        return [
            [rng.randrange(vocabulary) for _ in range(self.prompt_tokens)]
            for _ in range(self.batch)
        ]


@dataclass(frozen=True)
class Timing:
    """Seconds for one more token of every sequence, one value for each repeat."""

    name: str
    seconds: list[float]
    floor: float  # seconds to read the weights once, at the bandwidth of a copy

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)


def measure(
    llm: LLM, fit: Fit, prompts: Sequence[list[int]], workload: Workload, speed: float
) -> list[Timing]:
    """The base alone and, where there is an expert, the steered base, in turn."""
    alphas = {"base alone": 0.0, "steered": 1.0} if len(fit.models) > 1 else {"base alone": None}
    seconds: dict[str, list[float]] = {name: [] for name in alphas}
    for repeat in range(workload.repeats + 1):
        for name, alpha in alphas.items():
            spent = _per_token(llm, prompts, workload.tokens, alpha)
            if repeat:  # the first of each warms up
                seconds[name].append(spent)
    bytes_read = {
        "base alone": streamed(fit, (Role.BASE,)),
        "steered": streamed(fit, tuple(Role)),
    }
    return [Timing(name, seconds[name], bytes_read[name] / speed) for name in alphas]


def _per_token(llm: LLM, prompts: Sequence[list[int]], tokens: int, alpha: float | None) -> float:
    """Seconds per token after the first, which is the prompt's."""
    took = []
    for length in (1, tokens):
        params = SamplingParams(temperature=0, max_tokens=length, ignore_eos=True, alpha=alpha)
        begin = time.perf_counter()
        llm.generate(prompts, params, use_tqdm=False)
        took.append(time.perf_counter() - begin)
    return (took[1] - took[0]) / (tokens - 1)


def streamed(fit: Fit, roles: Sequence[Role]) -> int:
    """Bytes of weights that a step reads; an input embedding only where it is the head too."""
    total = 0
    for role in roles:
        if role in fit.models:
            model = fit.models[role]
            total += model.weights - lookup_bytes(model.config, model.kv.itemsize)
    return total


def bandwidth(name: str) -> float:
    """Bytes per second that a large copy moves on the device, reading and writing; best of five."""
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(auto if name == "auto" else name)
    source = torch.ones(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begin)
    return 2 * COPIED / best
