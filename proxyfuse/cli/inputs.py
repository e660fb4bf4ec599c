"""Prompts from options, files and standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from proxyfuse import Prompt
from proxyfuse.errors import RequestError

PANEL = "Prompts"
STDIN = "-"


@dataclass(frozen=True)
class Inputs:
    """What is to be continued."""

    prompt: Annotated[
        list[str] | None,
        Option(
            "--prompt",
            "-p",
            metavar="TEXT",
            help="A text to continue; - reads one from standard input. Repeatable.",
            rich_help_panel=PANEL,
        ),
    ] = None
    prompt_file: Annotated[
        list[str] | None,
        Option(
            metavar="FILE",
            help="A file that is one prompt; or, named .jsonl, one prompt a line: a JSON string, a"
            " list of token ids, or {prompt, expert, antiexpert} where roles read different ones."
            " - is standard input, as .jsonl. Repeatable.",
            rich_help_panel=PANEL,
        ),
    ] = None
    expert_prompt: Annotated[
        list[str] | None,
        Option(
            metavar="TEXT",
            help="What the expert reads instead, in the order of --prompt.",
            show_default="the same text",
            rich_help_panel=PANEL,
        ),
    ] = None
    antiexpert_prompt: Annotated[
        list[str] | None,
        Option(
            metavar="TEXT",
            help="What the antiexpert reads instead, in the order of --prompt.",
            show_default="the same text",
            rich_help_panel=PANEL,
        ),
    ] = None

    def read(self) -> list[Prompt]:
        """All prompts, those of --prompt first; raises `RequestError` where there are none."""
        texts = [_text(STDIN) if text == STDIN else text for text in self.prompt or ()]
        experts = _as_many("--expert-prompt", self.expert_prompt, len(texts))
        antiexperts = _as_many("--antiexpert-prompt", self.antiexpert_prompt, len(texts))
        prompts = list(map(Prompt, texts, experts, antiexperts))
        for name in self.prompt_file or ():
            prompts += read_file(name)
        if not prompts:
            raise RequestError(
                "got no prompt; want --prompt TEXT, --prompt - or --prompt-file FILE"
            )
        return prompts


def read_file(name: str) -> list[Prompt]:
    """The prompts in a file."""
    if name != STDIN and not name.endswith(".jsonl"):
        return [Prompt(_text(name))]
    return [_prompt(where, record) for where, record in records(name)]


def records(name: str) -> list[tuple[str, Any]]:
    """The JSON values in a file of one a line, each with where it stands, for messages."""
    found = []
    for number, line in enumerate(_text(name).split("\n"), start=1):
        if line.strip():
            try:
                found.append((f"{name}, line {number}", json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise RequestError(f"{name}, line {number}: got no JSON: {error}") from error
    return found


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == STDIN else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{name}: got {error}, want a readable UTF-8 file") from error


def _prompt(where: str, record: Any) -> Prompt:
    if isinstance(record, str | list):
        return Prompt(record)
    if isinstance(record, dict) and set(record) <= {"prompt", "expert", "antiexpert"}:
        own = {role: record.get(role) for role in ("expert", "antiexpert")}
        if "prompt" in record:
            return Prompt(record["prompt"], **own)
    raise RequestError(
        f"{where}: got {record!r:.80}, want a string, a list of ids"
        " or {prompt, expert, antiexpert}"
    )


def _as_many(option: str, given: Sequence[str] | None, count: int) -> Sequence[str | None]:
    if given and len(given) != count:
        raise RequestError(f"{option}: got {len(given)} for {count} of --prompt, want as many")
    return given or [None] * count
