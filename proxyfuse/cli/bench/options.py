"""What options of a workload have in common."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

PANEL = "Workload"


def number(text: str, *, metavar: str = "N", least: int = 1, shown: str | bool = True) -> Any:
    """An option for whole numbers from `least`, with its line in the manual."""
    return Option(min=least, metavar=metavar, help=text, show_default=shown, rich_help_panel=PANEL)


def length(text: str, *, least: int = 1, shown: str | bool = True) -> Any:
    """The same for a number of tokens."""
    return number(text, metavar="TOKENS", least=least, shown=shown)


Rounds = Annotated[int, number("Of all ways in turn.")]
