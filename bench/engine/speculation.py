"""What drafting ahead is worth on the demo trio, by text, drafts, temperature and alpha.

    python -m bench.engine.speculation                 what the engine does by itself
    python -m bench.engine.speculation --sweep --seconds 300 --plot docs/findings/speculation.png
    python -m bench.engine.speculation --setting NAME

Every engine writes the same texts in turn; one that writes another text than the engine without
drafts is not timed. Batch 1, bfloat16. The README's table is made of the first kind of record;
those of the others have names of their own.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from bench.engine.drafts import Bench, Prompts, Setting
from bench.engine.options import command
from bench.engine.reads import Reader
from bench.engine.speculation_plot import plot
from bench.engine.storage import stored
from bench.harness import save
from proxyfuse import SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.demo.material import gather
from proxyfuse.measure import Spread
from proxyfuse.speculation.acceptance import expected
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio

DRAFTS: tuple[int | str, ...] = (0, 1, 2, 4, 8, 12, "auto")
TEMPERATURES = (0.0, 0.8)
ALPHAS = (0.0, 0.5, 1.5)  # alpha 1 is what all else is measured at
FEWER: tuple[int | str, ...] = (0, 4, "auto")
WORST = (0.0, 0.8)  # alpha and temperature at which the expert's drafts are worth nothing
READ = 64  # tokens of held-out code before what is written
WRITTEN = 96  # tokens of each continuation; a sum ends by itself


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


def settings() -> dict[str, Setting]:
    """All of the sweep: drafts by kind of text and temperature; alpha; an expert of no use."""
    prompts = texts()
    code = prompts["code"][0]
    found = {
        f"{kind}, temperature {temperature:g}": Setting(
            ids, _params(temperature, 1.0, ends), DRAFTS
        )
        for (kind, (ids, ends)), temperature in product(prompts.items(), TEMPERATURES)
    }
    found |= {
        f"code, temperature {temperature:g}, alpha {alpha:g}": Setting(
            code, _params(temperature, alpha, False), FEWER
        )
        for alpha, temperature in product(ALPHAS, TEMPERATURES)
    }
    away = "code, temperature 0.8, steered away from the tuned model"
    return found | {away: Setting(code, _params(0.8, -1.0, False), FEWER, expert="tuned")}


def by_itself(wanted: Mapping[str, Setting]) -> dict[str, Setting]:
    """Those of alpha 1, and the worst case of alpha 0; with the drafts that the engine chooses."""
    return {
        name: replace(setting, drafts=(0, "auto"))
        for name, setting in wanted.items()
        if setting.params.alpha == 1.0
        or (setting.params.alpha, setting.params.temperature) == WORST
    }


def sweep(wanted: Mapping[str, Setting], rounds: int, seconds: float) -> dict[str, dict[str, Any]]:
    """All of these within one time, since they alternate; modelled where 4 and 8 drafts were."""
    with ExitStack() as stack:
        found = Bench(stack, wanted).measure(rounds, seconds, Reader("cpu"))
    return {
        name: figures | ({"modelled": modelled(figures)} if "8" in figures["acceptance"] else {})
        for name, figures in found.items()
    }


def _params(temperature: float, alpha: float, ends: bool) -> SamplingParams:
    return SamplingParams(
        temperature=temperature, alpha=alpha, max_tokens=WRITTEN, seed=1, ignore_eos=not ends
    )


def main() -> None:
    """Parse, measure, show, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="of a setting, at most")
    text = "of all settings, whose least certain is next; three rounds each has anyway"
    parser.add_argument("--seconds", type=float, default=60, help=text)
    parser.add_argument("--plot", type=Path)
    some = "of this name alone, for a ratio that few rounds leave in doubt; kept as another record"
    every = settings()
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--setting", choices=every, metavar="NAME", help=some)
    kind.add_argument("--sweep", action="store_true", help="all settings and numbers of drafts")
    asked = parser.parse_args()
    if asked.plot and not asked.sweep:
        parser.error("--plot: got no --sweep, want the numbers of drafts that it draws")
    record, wanted = "speculation", by_itself(every)
    if asked.setting:
        record, wanted = "speculation-setting", {asked.setting: every[asked.setting]}
    elif asked.sweep:
        record, wanted = "speculation-sweep", every
    found = sweep(wanted, asked.rounds, asked.seconds)
    for name, its in found.items():
        tell(name, its)
    if asked.plot:
        plot(found, asked.plot)
    demo = Trio({role: model_folder(role.label) for role in Role})
    figures = {"stored": stored(demo), "settings": found}
    save(record, command("bench.engine.speculation"), figures)


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
