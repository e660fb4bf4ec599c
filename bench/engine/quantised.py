"""What a base in 8 bits costs: nats a token of held-out text, and how soon greedy text moves.

    python -m bench.engine.quantised

The demo trio over the windows that `proxyfuse demo` scores, the base alone and steered. Everything
but the base's products is the same, and arithmetic is float32 unless --dtype says otherwise, so
what is seen is the rounding of the weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from bench.engine.options import command
from bench.engine.trios import folders
from bench.harness import save
from proxyfuse import LLM, SamplingParams
from proxyfuse.demo.material import BEGIN, gather
from proxyfuse.measure import bytes_a_token
from proxyfuse.trio import Role, Trio

ALPHAS = (None, 0.5, 1.0)  # None: the base alone
KEPT = (None, "fp8")
PROMPT, WRITTEN = 64, 64  # tokens of the beginnings that are continued, and after them


def nats(llm: LLM, windows: Sequence[list[int]], alpha: float | None) -> list[float]:
    """Per token of each window, behind a begin token."""
    prompts = [[BEGIN]] * len(windows)
    scores = llm.score(prompts, windows, alpha=alpha, use_tqdm=False)
    return [-fmean(score.fused) for score in scores]


def greedy(llm: LLM, windows: Sequence[list[int]], alpha: float | None) -> list[list[int]]:
    """The text after each beginning."""
    params = SamplingParams(temperature=0, max_tokens=WRITTEN, ignore_eos=True, alpha=alpha)
    prompts = [[BEGIN, *window[:PROMPT]] for window in windows]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    return [output.outputs[0].token_ids for output in outputs]


def same(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens before the first that differs."""
    pairs = zip(one, other, strict=True)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), len(one))


def compare(
    trio: Trio[Path], dtype: str, windows: dict[Any, list[list[int]]], alpha: float | None
) -> dict[str, Any]:
    """One way of writing, with the base as it is and in 8 bits; differences are of pairs."""
    roles = (Role.BASE,) if alpha is None else tuple(Role)
    scored: dict[Any, list[list[float]]] = {kind: [] for kind in windows}
    texts = []
    for kept in KEPT:
        at = trio.only(roles).values()
        with LLM(*at, device="cpu", dtype=dtype, base_quantization=kept) as llm:
            for kind, some in windows.items():
                scored[kind].append(nats(llm, some, alpha))
            texts.append(greedy(llm, windows["code"], alpha))
    found: dict[str, Any] = {}
    for kind, (plain, narrow) in scored.items():
        lost = [after - before for before, after in zip(plain, narrow, strict=True)]
        found[kind] = {
            "windows": len(lost),
            "plain": fmean(plain),
            "fp8": fmean(narrow),
            "lost": fmean(lost),
            "standard_error": stdev(lost) / sqrt(len(lost)) if len(lost) > 1 else None,
            "worst_window": max(lost),
        }
    runs = [same(*pair) for pair in zip(*texts, strict=True)]
    found["greedy"] = {
        "texts": len(runs),
        "tokens": WRITTEN,
        "unchanged": sum(run == WRITTEN for run in runs),
        "tokens_until_changed": fmean(runs),
    }
    return found


def main() -> None:
    """Measure each way, print a line for each, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--windows", type=int, default=6, help="of each kind and module, at most")
    asked = parser.parse_args()
    trio, windows = folders("demo", Path()), dict(gather(0, asked.windows).windows)
    ways = {}
    for alpha in ALPHAS:
        name = "base alone" if alpha is None else f"alpha {alpha}"
        ways[name] = found = compare(trio, asked.dtype, windows, alpha)
        for kind in windows:
            its = found[kind]
            print(f"{name:10} {kind:5} {its['plain']:.4f} -> {its['fp8']:.4f} ({its['lost']:+.4f})")
        print(f"{name:10} greedy {found['greedy']}")
    sizes = {str(kept): bytes_a_token(trio, torch.bfloat16, (Role.BASE,), kept) for kept in KEPT}
    figures = {"dtype": asked.dtype, "ways": ways, "base_bytes_a_token_bfloat16": sizes}
    save("quantised", command("bench.engine.quantised"), figures)


if __name__ == "__main__":
    main()
