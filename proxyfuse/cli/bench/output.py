"""Where a measurement goes: a table, a file, a picture; and a bar while it is made."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer import Option

from proxyfuse.cli.bench.plot import new_figure
from proxyfuse.errors import ConfigError
from proxyfuse.measure import machine

PANEL = "Output"
Tick = Callable[[str], None]  # one more is done, and what it was


def new_table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    """Columns of names, then columns of figures; narrow enough for 80 columns."""
    table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    table.pad_edge = False
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


@dataclass(frozen=True)
class Output:
    """What becomes of the figures."""

    json: Annotated[
        str | None,
        Option(
            metavar="FILE",
            help="Write all figures as one JSON object. - is standard output, without the table.",
            rich_help_panel=PANEL,
        ),
    ] = None
    plot: Annotated[
        str | None,
        Option(
            metavar="FILE.png",
            help="Draw them. Needs matplotlib: pip install 'proxyfuse\\[bench]'.",
            rich_help_panel=PANEL,
        ),
    ] = None
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="No progress bar.", rich_help_panel=PANEL)
    ] = False

    def require(self) -> None:
        """Raise `ConfigError` now for what could not be written later."""
        files = {"--json": None if self.json == "-" else self.json, "--plot": self.plot}
        for option, name in files.items():
            if name is not None and not Path(name).absolute().parent.is_dir():
                raise ConfigError(f"{option}: got {name}, want a file in a folder that exists")
        if self.plot is not None:
            new_figure(1)

    @contextmanager
    def progress(self, steps: int) -> Iterator[Tick]:
        """A bar on stderr, if that is a terminal."""
        columns = (
            TextColumn("{task.description:>24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        hidden = self.quiet or not sys.stderr.isatty()
        # rich 13 and 14 end even a hidden bar with a newline, unless the console is quiet
        console = Console(stderr=True, quiet=hidden)
        with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
            bar = bars.add_task("loading", total=steps)
            yield lambda what: bars.update(bar, advance=1, description=what)

    def give(
        self,
        record: dict[str, Any],
        tables: Sequence[Table],
        draw: Callable[[dict[str, Any], str], None],
        notes: Sequence[str] = (),
    ) -> None:
        """Print, write and draw one measurement."""
        whole = {"machine": machine(), **record}
        if self.json == "-":
            typer.echo(json.dumps(whole))
        else:
            console = Console(highlight=False)
            for table in tables:
                console.print(table)
        for note in notes:
            typer.echo(f"Note: {note}", err=True)
        if self.json not in (None, "-"):
            Path(str(self.json)).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        if self.plot is not None:
            draw(whole, self.plot)
