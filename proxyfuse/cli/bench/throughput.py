"""`proxyfuse bench throughput`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from proxyfuse.cli.bench.load import MOST, Load, Served, serve, workload
from proxyfuse.cli.bench.output import Output, Tick, new_table
from proxyfuse.cli.bench.plot import draw_throughput
from proxyfuse.cli.bench.subject import Subject, Way
from proxyfuse.cli.engine import Engine
from proxyfuse.cli.models import Models
from proxyfuse.measure import Spread, percentile, ratios


def throughput(models: Models, engine: Engine, load: Load, output: Output) -> None:
    """Tokens a second against the number of requests at a time.

    The trio steered, the same without drafting ahead where drafts are made, and the base alone, in
    turn. A text that depends on its batch, or scores otherwise when read back, is not timed.
    """
    output.require()
    subject = Subject.of(models, engine)
    room = MOST * (load.prompt_tokens + load.tokens)
    with (
        output.progress(len(load.levels) * (load.rounds + 1)) as tick,
        subject.opened(max(load.levels), room) as opened,
    ):
        found = {level: measure(subject, opened.ways, load, level, tick) for level in load.levels}
    record = {
        "bench": "throughput",
        **subject.about(),
        **asdict(load),
        "peak_memory_bytes": opened.peak,
        "by_concurrency": found,
    }
    output.give(record, [_table(record)], draw_throughput, opened.notes)


def measure(
    subject: Subject, ways: Sequence[Way], load: Load, level: int, tick: Tick
) -> dict[str, Any]:
    """Every way's figures with `level` requests at a time; a first round warms up."""
    requests = workload(subject, load, level * load.requests)
    runs: dict[str, list[Served]] = {way.name: [] for way in ways}
    for number in range(load.rounds + 1):
        for way in ways:
            served = serve(way, requests, level)
            if number:
                runs[way.name].append(served)
        tick(f"{level} at a time")
    written = sum(tokens for _, tokens in requests)
    base = [one.seconds for one in runs[ways[-1].name]]
    return {
        name: _figures(its, written)
        | {"times_the_base": vars(ratios([one.seconds for one in its], base))}
        for name, its in runs.items()
    }


def _figures(runs: Sequence[Served], written: int) -> dict[str, Any]:
    each = [seconds for run in runs for seconds in run.each]
    return {
        "written_tokens": written,
        "tokens_per_second": vars(Spread.of([written / run.seconds for run in runs])),
        "request_ms": {
            "median": 1e3 * percentile(each, 0.5),
            "p99": 1e3 * percentile(each, 0.99),
        },
    }


def _table(record: dict[str, Any]) -> Table:
    table = new_table(
        f"prompts of about {record['prompt_tokens']} tokens, answers of about {record['tokens']},"
        f" {record['dtype']}",
        ("at a time", ""),
        ("tokens/s", "request ms", "p99", "x base"),
    )
    for level, ways in record["by_concurrency"].items():
        for name, row in ways.items():
            rate, request = row["tokens_per_second"], row["request_ms"]
            table.add_row(
                *(str(level), name),
                f"{rate['median']:,.0f} ({rate['least']:,.0f} to {rate['most']:,.0f})",
                *(f"{request[key]:,.0f}" for key in ("median", "p99")),
                f"{row['times_the_base']['median']:.2f}",
            )
    return table
