"""`proxyfuse score`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Option

from proxyfuse import Prompt, Score
from proxyfuse.cli.engine import Engine, open_llm
from proxyfuse.cli.inputs import records
from proxyfuse.cli.models import Models
from proxyfuse.errors import RequestError
from proxyfuse.models.folder import resolve
from proxyfuse.text.tokenizer import Tokenizer

Pair = tuple[Prompt, Any]


def score(
    models: Models,
    engine: Engine,
    prompt: Annotated[
        list[str] | None,
        Option("--prompt", "-p", metavar="TEXT", help="What comes before. Repeatable."),
    ] = None,
    continuation: Annotated[
        list[str] | None,
        Option(
            "--continuation", "-c", metavar="TEXT", help="What is scored, in the order of --prompt."
        ),
    ] = None,
    pairs_file: Annotated[
        str | None,
        Option(
            "--file",
            metavar="FILE",
            help="One JSON object a line: {prompt, continuation}, and expert or antiexpert where"
            " these read another prompt. - is standard input.",
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        Option(metavar="X", help="Weight of (expert - antiexpert).", show_default="1.0"),
    ] = None,
    as_json: Annotated[
        bool, Option("--json", help="One JSON object a line for each pair.")
    ] = False,
) -> None:
    """Log-probability in nats of each token of a continuation: fused, and under each model."""
    pairs = _given(prompt or [], continuation or [])
    pairs += _read(pairs_file) if pairs_file else []
    if not pairs:
        raise RequestError("got nothing to score; want --prompt and --continuation, or --file")
    prompts, continuations = zip(*pairs, strict=True)
    with open_llm(models, engine) as llm:
        scores = llm.score(
            list(prompts), list(continuations), alpha=alpha, use_tqdm=sys.stderr.isatty()
        )
    if as_json:
        for item in scores:
            typer.echo(json.dumps(asdict(item) | {"total": item.total}))
        return
    tokenizer = Tokenizer(resolve(models.base, models.revision))
    for item in scores:
        Console().print(_table(item, tokenizer))


def _given(prompts: list[str], continuations: list[str]) -> list[Pair]:
    if len(prompts) != len(continuations):
        raise RequestError(
            f"got {len(prompts)} of --prompt and {len(continuations)} of --continuation,"
            " want as many"
        )
    return [(Prompt(text), scored) for text, scored in zip(prompts, continuations, strict=True)]


def _read(name: str) -> list[Pair]:
    pairs = []
    for where, record in records(name):
        known = {"prompt", "continuation", "expert", "antiexpert"}
        if not isinstance(record, dict) or not {"prompt", "continuation"} <= set(record) <= known:
            raise RequestError(f"{where}: got {record!r:.80}, want {{prompt, continuation}}")
        scored = record.pop("continuation")
        pairs.append((Prompt(record.pop("prompt"), **record), scored))
    return pairs


def _table(item: Score, tokenizer: Tokenizer) -> Table:
    """A row for each token, and the sums in the footer."""
    columns = {"fused": item.fused, "base": item.base}
    if item.expert is not None and item.antiexpert is not None:
        columns |= {"expert": item.expert, "antiexpert": item.antiexpert}
    table = Table(show_footer=True)
    table.add_column("token", footer="sum")
    for name, values in columns.items():
        table.add_column(name, footer=f"{sum(values):.4f}", justify="right")
    for at, token in enumerate(item.token_ids):
        numbers = [f"{values[at]:.4f}" for values in columns.values()]
        table.add_row(Text(repr(tokenizer.decode([token], skip_special=False))), *numbers)
    return table
