"""What `proxyfuse demo` prints: continuations side by side, and the measured table."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from proxyfuse.demo.figures import WAYS, Figure, Way
from proxyfuse.demo.material import WINDOW, Material
from proxyfuse.demo.measure import Answers

NAMES: dict[Way, str] = {
    "base": "base",
    "expert": "expert alone",
    "proxied": "proxy-tuned",
    "tuned": "directly tuned",
}
SHOWN: tuple[Way, ...] = ("base", "proxied", "tuned")
STYLES: dict[Way, str] = {"base": "yellow", "expert": "", "proxied": "bold green", "tuned": "cyan"}
SUMS_SHOWN = 2
CONTEXT_LINES, CODE_LINES = 2, 5


def show_sums(console: Console, material: Material, answers: Mapping[Way, Answers]) -> None:
    """Two sums, the first line of each way's answer, and whether it is right."""
    console.rule("Sums nobody was trained on", align="left")
    for at, problem in enumerate(material.sums[:SUMS_SHOWN]):
        console.print(f"\n{problem.prompt}", style="dim")
        grid = _grid()
        for way in SHOWN:
            line = Text(answers[way].sums[at].strip().partition("\n")[0])
            mark = Text("right", style="green") if answers[way].right[at] else Text("wrong", "red")
            grid.add_row(Text(NAMES[way], style=STYLES[way]), mark, line)
        console.print(Padding(grid, (0, 0, 0, 2)))


def show_code(
    console: Console, material: Material, answers: Mapping[Way, Answers], alpha: float | None
) -> None:
    """Each beginning of code, and how each way goes on."""
    title = f"Python nobody was trained on, alpha {alpha:g}; read it for form, not for sense"
    console.print()
    console.rule(title, align="left")
    for at, prompt in enumerate(material.code):
        *before, last = prompt.split("\n")
        context = [line for line in before if line.strip()][-CONTEXT_LINES:]
        width = max(map(len, NAMES.values())) + 4  # so that all code stands in one column
        console.print()
        console.print(Padding("\n".join(context), (0, 0, 0, width)), style="dim")
        grid = _grid()
        for way in SHOWN:
            text = f"{last}{answers[way].code[at]}"
            lines = [line for line in text.split("\n") if line.strip()][:CODE_LINES]
            # What the model wrote of the line that the prompt ends in stands behind that line.
            body = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
            body.stylize("dim", 0, len(last))
            grid.add_row(Text(NAMES[way], style=STYLES[way]), body)
        console.print(Padding(grid, (0, 0, 0, 2)))


def show_table(console: Console, material: Material, rows: Sequence[Figure]) -> None:
    """The figures, and a footnote for each share of the gap that would say nothing."""
    windows = sum(map(len, material.windows.values()))
    table = Table(box=SIMPLE_HEAD)
    for name in ("", "alpha", *(NAMES[way] for way in WAYS), "gap closed"):
        header = name.replace("-", "-\n").replace(" ", "\n")
        table.add_column(header, justify="right" if name else "left", no_wrap=True)
    notes: list[str] = []
    for row in rows:
        if row.no_gap and row.no_gap not in notes:
            notes.append(row.no_gap)
        gap = row.gap_closed
        share = f"{gap:.0%}" if gap is not None else f"- [{notes.index(row.no_gap or '') + 1}]"
        label = row.name if row.unit == "share right" else f"{row.name}, nats"
        values = (_written(row, way) for way in WAYS)
        table.add_row(label, f"{row.alpha:g}", *values, Text(share))
    console.print()
    console.rule("Measured just now", align="left")
    console.print(table)
    console.print(
        f"{len(material.sums)} sums (more is better); {windows * WINDOW:,} tokens of modules of"
        f" Python {platform.python_version()} that were held out (fewer nats a token are better)."
        " Prose was not taught: it shows what steering costs.",
        style="dim",
    )
    console.print("gap closed = (proxy-tuned - base) / (directly tuned - base)", style="dim")
    for number, note in enumerate(notes, start=1):
        console.print(f"[{number}] {note}", style="dim")


def _written(row: Figure, way: Way) -> Text:
    value = row.mean(way)
    return Text(f"{value:.1%}" if row.unit == "share right" else f"{value:.3f}", style=STYLES[way])


def _grid() -> Table:
    """Ways in a first column as wide as the longest name."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=max(map(len, NAMES.values())))
    return grid
