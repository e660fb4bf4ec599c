"""What options of a workload have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typer import Option

PANEL = "Workload"


def number(text: str, *, metavar: str = "N", least: int = 1, shown: str | bool = True) -> Any:
    """An option for whole numbers from `least`, with its line in the manual."""
    return Option(min=least, metavar=metavar, help=text, show_default=shown, rich_help_panel=PANEL)


def length(text: str, *, least: int = 1, shown: str | bool = True) -> Any:
    """The same for a number of tokens."""
    return number(text, metavar="TOKENS", least=least, shown=shown)


def several(text: str, usual: Sequence[int], *, metavar: str = "N") -> Any:
    """An option that may be given more than once; where it is not given, `usual` holds."""
    *first, last = map(str, usual)
    shown = f"{', '.join(first)} and {last}" if first else last
    return number(f"{text} Repeatable.", metavar=metavar, shown=shown)


def each(asked: Sequence[int] | None, usual: Sequence[int]) -> list[int]:
    """What such an option says: each number once, ascending."""
    return sorted(set(asked or usual))


Several = list[int] | None
Rounds = Annotated[int, number("Of all ways in turn.")]
