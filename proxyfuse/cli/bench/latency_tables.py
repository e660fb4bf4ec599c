"""What `proxyfuse bench latency` prints."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from proxyfuse.cli.bench.output import new_table
from proxyfuse.measure import Spread


def by_batch_table(record: dict[str, Any]) -> Table:
    """One more token of every sequence."""
    shortest = min(record["by_prompt"])
    table = new_table(
        f"{record['tokens']} tokens after a prompt of {shortest}, {record['dtype']}",
        ("batch", ""),
        ("ms a token", "p99", "tok/s", "floor", "a pass"),
    )
    for batch, ways in record["by_batch"].items():
        for name, row in ways.items():
            table.add_row(
                *(str(batch), name),
                str(Spread(**row["ms_per_token"])),
                f"{row['ms_p99_between_arrivals']:.3g}",
                f"{row['tokens_per_second']['median']:,.0f}",
                f"{row['share_of_floor']['median']:.0%}",
                f"{row['tokens_per_base_pass']['median']:.2f}",
            )
    lines = [
        f"{batch} x: steered takes {Spread(**spread)} times the base alone"
        for batch, spread in record["steered_over_base"].items()
        if len(record["models"]) > 1
    ]
    peak = f"one engine, loaded and checked, took {record['peak_memory_bytes'] / 2**20:,.0f} MiB"
    passes = "floor: share of it; a pass: tokens for each pass of the base"
    table.caption = "\n".join([*lines, passes, peak])
    return table


def by_prompt_table(record: dict[str, Any]) -> Table:
    """The first token."""
    table = new_table("the first token", ("prompt", ""), ("ms",))
    for length, ways in record["by_prompt"].items():
        for name, row in ways.items():
            table.add_row(str(length), name, str(Spread(**row["first_token_ms"])))
    return table
