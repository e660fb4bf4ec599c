"""`proxyfuse chat`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer
from typer import Option

from proxyfuse import LLM, SamplingParams
from proxyfuse.cli.engine import Engine, open_llm
from proxyfuse.cli.models import CHAT, Models, Templates
from proxyfuse.cli.sampling import Sampling
from proxyfuse.errors import RequestError

HELP = "/reset forgets the conversation, /alpha X steers more or less, /quit or Ctrl-D leaves"


def chat(
    models: Models,
    templates: Templates,
    sampling: Sampling,
    engine: Engine,
    system: Annotated[
        str | None,
        Option(metavar="TEXT", help="A system message before everything.", rich_help_panel=CHAT),
    ] = None,
) -> None:
    """Talk with the models. Ctrl-C stops an answer; /reset, /alpha X, /help and /quit.

    Each model reads the conversation through its own chat template, or as plain text if it has
    none: usually the expert alone has one.
    """
    params = sampling.params()
    with open_llm(models, engine, chat_templates=templates.by_role()) as llm:
        if sys.stdin.isatty():
            typer.echo(HELP, err=True)
        Talk(llm, params, system).run()


class Talk:
    """One conversation at the terminal."""

    def __init__(self, llm: LLM, params: SamplingParams, system: str | None = None) -> None:
        self._llm = llm
        self._params = params
        self._opening = [{"role": "system", "content": system}] if system else []
        self._messages = list(self._opening)

    def run(self) -> None:
        """Ask, answer and ask again, until the user leaves."""
        while (line := _ask()) is not None:
            if not line.startswith("/"):
                self._answer(line)
            elif line.split()[0] == "/quit":
                return
            else:
                self._command(line)

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        if name == "/reset":
            self._messages = list(self._opening)
        elif name == "/alpha":
            self._set_alpha(argument)
        else:
            typer.echo(HELP, err=True)

    def _set_alpha(self, argument: str) -> None:
        try:
            self._params = replace(self._params, alpha=float(argument))
        except ValueError:
            typer.echo(f"/alpha: got {argument!r}, want a finite number", err=True)

    def _answer(self, question: str) -> None:
        """Print the answer as it comes; what was written stays in the conversation."""
        asked = [*self._messages, {"role": "user", "content": question}]
        written = ""
        try:
            for increment in self._llm.stream(self._llm.chat_prompt(asked), self._params):
                written += increment.outputs[0].text
                typer.echo(increment.outputs[0].text, nl=False)
                if increment.outputs[0].finish_reason == "error":
                    typer.echo(f"\nproxyfuse: {increment.outputs[0].stop_reason}", err=True)
        except KeyboardInterrupt:
            typer.echo("\n(stopped)", err=True, nl=False)
        except RequestError as error:
            typer.echo(f"proxyfuse: {error}", err=True)
        typer.echo()
        if written:
            self._messages = [*asked, {"role": "assistant", "content": written}]


def _ask() -> str | None:
    """The next line that says something, or None at the end of input."""
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt).strip()
        except EOFError:
            return None
        except UnicodeDecodeError as error:
            raise RequestError(f"standard input: got {error}, want UTF-8") from error
        except KeyboardInterrupt:
            typer.echo(f"\n{HELP}", err=True)
            continue
        if line:
            return line
