"""What drafting ahead is worth on the demo trio, by text, drafts, temperature and alpha.

    python -m bench.engine.speculation --plot docs/findings/speculation.png

Every engine writes the same texts in turn; one that writes another text than the engine without
drafts is not timed. Batch 1, bfloat16.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from bench.engine.gate import WrongOutputError
from bench.engine.options import command
from bench.engine.speculation_plot import plot
from bench.harness import save
from proxyfuse import LLM, Metrics, RequestOutput, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.demo.material import gather
from proxyfuse.measure import Spread, in_turn, ratios, seconds
from proxyfuse.speculation.acceptance import expected
from proxyfuse.text.tokenizer import Tokenizer

Prompts = list[list[int]]

BASE = "base alone"
DRAFTS: tuple[int | str, ...] = (0, 1, 2, 3, 4, 6, 8, 12, "auto")
TEMPERATURES = (0.0, 0.8)
ALPHAS = (0.0, 0.3, 0.5, 0.7, 1.0, 1.5)
EACH_ALPHA: tuple[int | str, ...] = (0, 4, "auto")
PAUSE = 0.02  # seconds before each run: the threads of the engine before it stay awake for one
READ = 64  # tokens of held-out code before what is written
BRIEFER = 4  # times less patience where there are fewer engines
WRITTEN = 96  # tokens of each continuation; a sum ends by itself


class Bench:
    """Engines that write the same prompts: one for each number of drafts, and the base alone."""

    def __init__(self, stack: ExitStack, drafts: tuple[int | str, ...], expert: str) -> None:
        base, anti = model_folder("base"), model_folder("antiexpert")
        trio = (base, model_folder(expert), anti)
        options: dict[str, Any] = {
            "device": "cpu",
            "dtype": "bfloat16",
            "enable_prefix_caching": False,
        }
        self.engines = {
            str(count): stack.enter_context(LLM(*trio, speculate=count, **options))
            for count in drafts
        }
        self.base = stack.enter_context(LLM(base, speculate=0, **options))

    def measure(
        self, prompts: Prompts, params: SamplingParams, rounds: int, patience: float
    ) -> dict[str, Any]:
        """The gate, then milliseconds a token and tokens a pass of the base, engine by engine."""
        plain = self._written("0", prompts, params)[0]
        counts, passes = {BASE: WRITTEN * len(prompts)}, {}
        for name in self.engines:
            texts, passes[name] = self._written(name, prompts, params)
            counts[name] = sum(map(len, texts))
            if texts != plain:
                raise WrongOutputError(f"speculate={name} writes another text than speculate=0")
        alone = replace(params, alpha=None, ignore_eos=True)
        runs = {name: partial(write, llm, prompts, params) for name, llm in self.engines.items()}
        runs[BASE] = partial(write, self.base, prompts, alone)
        columns = in_turn(
            [partial(seconds, run) for run in runs.values()],
            rounds,
            pause=PAUSE,
            patience=patience,
        )
        each = {
            name: [1e3 * spent / counts[name] for spent in column]
            for name, column in zip(runs, columns, strict=True)
        }
        return {
            "ms_per_token": {name: vars(Spread.of(column)) for name, column in each.items()},
            "tokens_per_base_pass": {name: it.tokens_per_base_pass for name, it in passes.items()},
            "acceptance": {name: it.acceptance for name, it in passes.items()},
            "times_faster_than_no_drafts": _times(each, "0"),
            "times_faster_than_base_alone": _times(each, BASE),
        }

    def _written(
        self, name: str, prompts: Prompts, params: SamplingParams
    ) -> tuple[list[list[int]], Metrics]:
        """What an engine writes, and what it counted meanwhile."""
        llm = self.engines[name]
        before = llm.metrics
        outputs = write(llm, prompts, params)
        texts = [output.outputs[0].token_ids for output in outputs]
        return texts, llm.metrics.since(before)


def write(llm: LLM, prompts: Prompts, params: SamplingParams) -> list[RequestOutput]:
    """One request after the other: this is about batch 1."""
    return [llm.generate([ids], params, use_tqdm=False)[0] for ids in prompts]


def _times(each: dict[str, list[float]], slow: str) -> dict[str, Any]:
    return {name: vars(ratios(each[slow], column)) for name, column in each.items() if name != slow}


def texts() -> dict[str, tuple[Prompts, bool]]:
    """By kind: prompts as token ids, and whether an end of text ends them."""
    material = gather(8, 1)
    tokenizer = Tokenizer(model_folder("base"))
    sums = [tokenizer.encode(problem.prompt) for problem in material.sums]
    return {
        "code": ([window[:READ] for window in material.windows["code"][:8]], False),
        "sums": (sums, True),
    }


def modelled(found: dict[str, Any]) -> dict[str, float]:
    """Milliseconds a token by the plain model: steps of plain + drafts * each, one rate throughout.

    The rate is what tokens a pass say at 4 drafts; the line goes through 0 and 8 drafts.
    """
    passes, spent = found["tokens_per_base_pass"], found["ms_per_token"]
    rate = _rate(passes["4"], 4)
    plain = spent["0"]["median"]
    each = (spent["8"]["median"] * passes["8"] - plain) / 8
    return {
        str(count): (plain + count * each) / expected(rate, count)
        for count in DRAFTS
        if isinstance(count, int)
    } | {"rate": rate}


def _rate(tokens: float, drafts: int) -> float:
    """The rate at which so many drafts give so many tokens, by halving."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle, drafts) < tokens else (low, middle)
    return low


def sweep(rounds: int, patience: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Drafts by kind of text and temperature; then alpha; then an expert that is of no use."""
    prompts = texts()
    with ExitStack() as stack:
        bench = Bench(stack, DRAFTS, "expert")
        for (kind, (ids, ends)), temperature in product(prompts.items(), TEMPERATURES):
            found = bench.measure(ids, _params(temperature, 1.0, ends), rounds, patience)
            yield f"{kind}, temperature {temperature:g}", found | {"modelled": modelled(found)}
    with ExitStack() as stack:
        bench = Bench(stack, EACH_ALPHA, "expert")
        for alpha, temperature in product(ALPHAS, TEMPERATURES):
            params = _params(temperature, alpha, False)
            found = bench.measure(prompts["code"][0], params, rounds, patience / BRIEFER)
            yield f"code, temperature {temperature:g}, alpha {alpha:g}", found
    with ExitStack() as stack:
        bench = Bench(stack, EACH_ALPHA, "tuned")
        params = _params(0.8, -1.0, False)
        found = bench.measure(prompts["code"][0], params, rounds, patience / BRIEFER)
        yield "code, temperature 0.8, steered away from the tuned model", found


def _params(temperature: float, alpha: float, ends: bool) -> SamplingParams:
    return SamplingParams(
        temperature=temperature, alpha=alpha, max_tokens=WRITTEN, seed=1, ignore_eos=not ends
    )


def main() -> None:
    """Parse, measure, show, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of a setting, at most")
    text = "of a setting, after which it begins no further round; those of alpha have a fourth"
    parser.add_argument("--seconds", type=float, default=11, help=text)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    found = {}
    for name, figures in sweep(asked.rounds, asked.seconds):
        found[name] = figures
        tell(name, figures)
    if asked.plot:
        plot(found, asked.plot)
    save("speculation", command("bench.engine.speculation"), {"settings": found})


def tell(name: str, figures: dict[str, Any]) -> None:
    """One setting, for people."""
    print(f"\n{name}")
    for engine, spread in figures["ms_per_token"].items():
        passes = figures["tokens_per_base_pass"].get(engine)
        faster = figures["times_faster_than_base_alone"].get(engine)
        more = f"{passes:5.2f} tokens a pass, " if passes else ""
        ratio = f"{faster['median']:.2f} times as fast as the base alone" if faster else ""
        print(f"  {engine:>10} {Spread(**spread)!s:34} ms  {more}{ratio}")


if __name__ == "__main__":
    main()
