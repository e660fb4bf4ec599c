"""Workload files: JSON lines of prompt and output lengths, measured elsewhere or drawn from a seed.

    python -m bench.engine.workload --requests 1000 --seed 0 > workload.jsonl

Lengths drawn are log-normal, as those of shared chats are: most are short and a few are very long.
The means are those of ShareGPT as Kwon et al. 2023 (arXiv 2309.06180, figure 11) give them: 161
tokens of prompt, 338 of output.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path

MEAN_PROMPT, MEAN_OUTPUT = 161.0, 338.0  # tokens
SPREAD = 1.0  # the standard deviation of a length's logarithm


@dataclass(frozen=True)
class Asked:
    """One request's lengths in tokens."""

    prompt_tokens: int
    output_tokens: int


def draw(requests: int, seed: int, scale: float = 1.0, longest: int | None = None) -> list[Asked]:
    """Requests whose lengths have ShareGPT's means times `scale`, each cut at `longest`."""
    rng = random.Random(seed)

    def length(mean: float) -> int:
        drawn = rng.lognormvariate(math.log(mean * scale) - SPREAD**2 / 2, SPREAD)
        return max(1, round(drawn) if longest is None else min(round(drawn), longest))

    return [Asked(length(MEAN_PROMPT), length(MEAN_OUTPUT)) for _ in range(requests)]


def read(file: Path) -> list[Asked]:
    """The requests of a workload file; raises `ValueError` with the line that is none."""
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            asked = Asked(**json.loads(line))
            good = asked.prompt_tokens >= 1 and asked.output_tokens >= 1
        except (TypeError, ValueError):
            good = False
        if not good:
            raise ValueError(
                f"{file}, line {number}: got {line!r:.80}, want"
                ' {"prompt_tokens": N, "output_tokens": N} with whole numbers from 1'
            )
        found.append(asked)
    return found


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="times ShareGPT's mean lengths")
    parser.add_argument("--longest", type=int, help="tokens of a prompt, and of an output")
    asked = parser.parse_args()
    for one in draw(asked.requests, asked.seed, asked.scale, asked.longest):
        print(json.dumps(asdict(one)))


if __name__ == "__main__":
    main()
