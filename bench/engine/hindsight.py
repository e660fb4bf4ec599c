"""What hindsight is worth to drafts: tokens a pass of the base, with it and without it.

    python -m bench.engine.hindsight

The demo trio continues held-out code and does sums, one request at a time, and drafts as far in
every step. Counts, not times: they are the same whenever they are counted. Who writes another text
than the engine without drafts is not counted. Other ways to keep what was found are judged over the
text that was written (`hindsight_ways`).
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack, nullcontext
from itertools import product
from typing import Any
from unittest.mock import patch

from bench.engine.drafts import Prompts, write
from bench.engine.gate import WrongOutputError
from bench.engine.hindsight_ways import judged
from bench.engine.options import command
from bench.harness import save
from proxyfuse import LLM, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.demo.material import gather
from proxyfuse.runner import runner
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role

DRAFTS = (4, 8)
ALPHAS, TEMPERATURES = (0.5, 1.0, 1.5), (0.0, 0.8)
WINDOWS, SUMS = 4, 40  # of a held-out module, at most; in all
READ, WRITTEN, SEED = 64, 96, 1
HINDSIGHT = {"without": False, "with": True}

Engines = dict[tuple[int, str], LLM]


def open_engine(drafts: int, hindsight: bool = True) -> LLM:
    """An engine that drafts so many tokens in every step.

    There is no option to do without hindsight, so the runner's is left out while it is made.
    """
    folders = [model_folder(role.label) for role in Role]
    with nullcontext() if hindsight else patch.object(runner, "Remembered", _nothing):
        return LLM(
            *folders, device="cpu", dtype="bfloat16", speculate=drafts, enable_prefix_caching=False
        )


def _nothing(*_: object) -> None:
    """Where what was found would be remembered."""


def settings() -> dict[str, tuple[Prompts, SamplingParams]]:
    """What is written, by kind of text, temperature and alpha; a sum ends by itself."""
    material, tokenizer = gather(SUMS, WINDOWS), Tokenizer(model_folder("base"))
    code = [window[:READ] for window in material.windows["code"]]
    sums = [tokenizer.encode(problem.prompt) for problem in material.sums]
    return {
        f"{kind}, temperature {temperature:g}, alpha {alpha:g}": (
            prompts,
            SamplingParams(
                temperature=temperature,
                alpha=alpha,
                max_tokens=WRITTEN,
                seed=SEED,
                ignore_eos=kind == "code",
            ),
        )
        for (kind, prompts), alpha, temperature in product(
            (("code", code), ("sums", sums)), ALPHAS, TEMPERATURES
        )
    }


def count(plain: LLM, engines: Engines, prompts: Prompts, asked: SamplingParams) -> dict[str, Any]:
    """Each engine's counts; `plain` drafts nothing and says what all must write.

    Raises `WrongOutputError`.
    """
    wanted = [output.outputs[0].token_ids for output in write(plain, prompts, asked)]
    found: dict[str, Any] = {"texts": len(wanted), "tokens": sum(map(len, wanted))}
    for (drafts, name), llm in engines.items():
        before = llm.metrics
        written = [output.outputs[0].token_ids for output in write(llm, prompts, asked)]
        if written != wanted:
            raise WrongOutputError(f"{drafts} drafts, {name} hindsight: another text than by none")
        counted = llm.metrics.since(before)
        found.setdefault(str(drafts), {})[name] = {
            "base_passes": counted.base_passes,
            "tokens_per_base_pass": counted.tokens_per_base_pass,
            "acceptance": counted.acceptance,
        }
    return found


def main() -> None:
    """Write, count, judge, save."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    asked, counts = settings(), {}
    with ExitStack() as stack:
        plain = stack.enter_context(open_engine(0))
        engines = {
            (drafts, name): stack.enter_context(open_engine(drafts, hindsight))
            for drafts, (name, hindsight) in product(DRAFTS, HINDSIGHT.items())
        }
        for name, its in asked.items():
            counts[name] = count(plain, engines, *its)
            tell(name, counts[name])
    ways = judged(asked)
    for name, found in ways.items():
        print(name, {way: round(one["held"], 4) for way, one in found.items()})
    save("hindsight", command("bench.engine.hindsight"), {"settings": counts, "ways": ways})


def tell(name: str, found: dict[str, Any]) -> None:
    """One setting, for people."""
    for drafts in map(str, DRAFTS):
        old, new = (found[drafts][way]["tokens_per_base_pass"] for way in HINDSIGHT)
        print(f"{name}, {drafts} drafts: {old:.2f} -> {new:.2f} tokens a pass of the base")


if __name__ == "__main__":
    main()
