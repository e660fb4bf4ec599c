"""The command line: what the commands are, and how an error leaves it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from proxyfuse.cli.bench import bench
from proxyfuse.cli.chat import chat
from proxyfuse.cli.config import config
from proxyfuse.cli.demo import demo
from proxyfuse.cli.generate import generate
from proxyfuse.cli.inspect import inspect
from proxyfuse.cli.score import score
from proxyfuse.cli.spread import spread
from proxyfuse.errors import ProxyFuseError


class Commands(TyperGroup):
    """Every error raised on purpose is one line on stderr and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ProxyFuseError as error:
            typer.echo(f"proxyfuse: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Steer a large language model with two small ones, exactly:"
    " base + alpha * (expert - antiexpert) at every token.",
    epilog="Exit codes: 0 done, 1 done but not as asked, 2 wrong options, models or prompts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (generate, chat, score, inspect, demo, config):
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(spread(command))

app.add_typer(bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"proxyfuse {_installed()}")
        raise typer.Exit


def _installed() -> str:
    try:
        return version("proxyfuse")
    except PackageNotFoundError:
        return "from source, not installed"


@app.callback()
def root(
    wants_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit."),
    ] = False,
) -> None:
    """Steer a large language model with two small ones, exactly."""


def main() -> None:
    """What the installed script runs."""
    app(prog_name="proxyfuse")
