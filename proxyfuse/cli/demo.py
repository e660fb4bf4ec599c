"""`proxyfuse demo`."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from typer import Option

from proxyfuse.cli.showing import show_code, show_sums, show_table
from proxyfuse.demo import FOLDER
from proxyfuse.demo.figures import WAYS, Way
from proxyfuse.demo.material import Material, gather
from proxyfuse.demo.measure import DEFAULT, Answers, Steering, ask, figures, items

SUMS, WINDOWS = 200, 6  # windows are of each kind, from each of a dozen held-out modules
QUICK_SUMS, QUICK_WINDOWS = 20, 1


def demo(
    alpha: Annotated[
        float | None,
        Option(
            metavar="X",
            help="Weight of (expert - antiexpert), for everything.",
            show_default="1 for sums, 0.5 and 1 for text",
        ),
    ] = None,
    quick: Annotated[bool, Option("--quick", help="Few sums, little text: a first look.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON object instead of tables.")] = False,
    where: Annotated[
        bool,
        Option("--where", help="Print the folder that holds base, expert, antiexpert and tuned."),
    ] = False,
) -> None:
    """Steer the small models that come with this package, and measure what it does.

    Everything is asked of text and sums that none of the models was trained on.
    """
    if where:
        typer.echo(FOLDER)
        return
    chosen = DEFAULT if alpha is None else Steering(alpha, alpha, (alpha,))
    begin = time.perf_counter()
    material = gather(*((QUICK_SUMS, QUICK_WINDOWS) if quick else (SUMS, WINDOWS)))
    answers = _asked(material, chosen)
    seconds = time.perf_counter() - begin
    if as_json:
        typer.echo(json.dumps(_record(material, chosen, answers, seconds), ensure_ascii=False))
        return
    console = Console(highlight=False, markup=False)
    show_sums(console, material, answers)
    show_code(console, material, answers, chosen.code)
    show_table(console, material, figures(answers, chosen))
    console.print(f"\n{seconds:.0f} s. The models: {FOLDER}", style="dim", soft_wrap=True)


def _asked(material: Material, chosen: Steering) -> dict[Way, Answers]:
    """What each way made of it, with a bar on stderr meanwhile."""
    columns = (TextColumn("{task.description:>14}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=items(material, chosen))
        answers: dict[Way, Answers] = {}
        for way in WAYS:
            progress.update(bar, description=way)
            answers[way] = ask(way, material, chosen, lambda done: progress.advance(bar, done))
    return answers


def _record(
    material: Material, chosen: Steering, answers: Mapping[Way, Answers], seconds: float
) -> dict[str, object]:
    """All that was measured, and the texts that the tables show."""
    sums = [
        {"prompt": one.prompt, "answer": one.answer} | {way: answers[way].sums[at] for way in WAYS}
        for at, one in enumerate(material.sums[:2])
    ]
    code = [
        {"prompt": prompt} | {way: answers[way].code[at] for way in WAYS}
        for at, prompt in enumerate(material.code)
    ]
    return {
        "figures": [figure.record() for figure in figures(answers, chosen)],
        "sums": sums,
        "code": code,
        "code_alpha": chosen.code,
        "python": platform.python_version(),
        "seconds": seconds,
    }
