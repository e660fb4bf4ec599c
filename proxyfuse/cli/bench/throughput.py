"""`proxyfuse bench throughput`."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from rich.table import Table
from typer import Option

from proxyfuse.cli.bench.output import Output, new_table
from proxyfuse.cli.bench.plot import draw_throughput
from proxyfuse.cli.bench.subject import Subject, Way
from proxyfuse.cli.bench.writing import params
from proxyfuse.cli.engine import Engine
from proxyfuse.cli.models import Models
from proxyfuse.measure import Spread, percentile, ratios

PANEL = "Workload"
SPREAD, MOST = 0.7, 4  # of lengths: standard deviation of the logarithm; times the median at most

Requests = list[tuple[list[int], int]]  # a prompt, and how many tokens to write after it


@dataclass(frozen=True)
class Load:
    """Requests of random ids, their lengths log-normal around a median and the same every time."""

    concurrency: Annotated[
        list[int] | None,
        Option(
            min=1,
            metavar="N",
            help="Requests at a time: who is answered asks again. Repeatable.",
            show_default="1, 8 and 32",
            rich_help_panel=PANEL,
        ),
    ] = None
    requests: Annotated[
        int,
        Option(min=1, metavar="N", help="For each of them.", rich_help_panel=PANEL),
    ] = 4
    prompt_tokens: Annotated[
        int, Option(min=1, metavar="TOKENS", help="Of the median prompt.", rich_help_panel=PANEL)
    ] = 64
    tokens: Annotated[
        int,
        Option(min=1, metavar="TOKENS", help="Of the median continuation.", rich_help_panel=PANEL),
    ] = 64
    rounds: Annotated[
        int, Option(min=1, metavar="N", help="Of all ways in turn.", rich_help_panel=PANEL)
    ] = 3

    @property
    def levels(self) -> list[int]:
        """Each once, ascending."""
        return sorted(set(self.concurrency or (1, 8, 32)))


@dataclass(frozen=True)
class Served:
    """One run of a workload."""

    seconds: float
    each: list[float]  # seconds from asking to the whole answer


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
        found = {}
        for level in load.levels:
            requests = workload(subject, load, level * load.requests)
            runs: dict[str, list[Served]] = {way.name: [] for way in opened.ways}
            for number in range(load.rounds + 1):
                for way in opened.ways:
                    served = serve(way, requests, level)
                    if number:  # the first warms up
                        runs[way.name].append(served)
                tick(f"{level} at a time")
            written = sum(tokens for _, tokens in requests)
            found[level] = {name: _figures(served, written) for name, served in runs.items()}
            base = [one.seconds for one in runs[opened.ways[-1].name]]
            for name, served_runs in runs.items():
                slower = ratios([one.seconds for one in served_runs], base)
                found[level][name]["times_the_base"] = vars(slower)
    record = {
        "bench": "throughput",
        **subject.about(),
        **asdict(load),
        "peak_memory_bytes": opened.peak,
        "by_concurrency": found,
    }
    output.give(record, [_table(record)], draw_throughput, opened.notes)


def workload(subject: Subject, load: Load, count: int) -> Requests:
    """The same ones every time."""
    rng = random.Random(count)

    def length(median: int) -> int:
        drawn = median * math.exp(rng.gauss(0, SPREAD))
        return max(1, min(round(drawn), MOST * median))

    return [
        (subject.prompts(1, length(load.prompt_tokens), seed=at)[0], length(load.tokens))
        for at in range(count)
    ]


def serve(way: Way, requests: Requests, level: int) -> Served:
    """All requests, `level` of them at a time."""

    def ask(request: tuple[list[int], int]) -> float:
        prompt, tokens = request
        begin = time.perf_counter()
        way.llm.generate([prompt], params(way, tokens), use_tqdm=False)
        return time.perf_counter() - begin

    with ThreadPoolExecutor(level) as clients:
        begin = time.perf_counter()
        each = list(clients.map(ask, requests))
        return Served(time.perf_counter() - begin, each)


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
