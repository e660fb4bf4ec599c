"""What a command says of the engine arrives at `LLM`."""

from typing import Any

import pytest

from proxyfuse.cli import engine
from tests.cli.conftest import Call


class Opened(Exception):
    """Instead of an engine."""


NAMED = ("--eager", "--batch-invariant", "--proxies", "auto")


@pytest.mark.parametrize("command", ["generate", "chat", "score"])
@pytest.mark.parametrize("words", [(), NAMED], ids=["left", "named"])
def test_flags_of_a_gpu_arrive(
    run: Call, monkeypatch: pytest.MonkeyPatch, command: str, words: tuple[str, ...]
) -> None:
    def opened(*_: Any, **options: Any) -> None:
        assert options["enforce_eager"] == options["batch_invariant"] == bool(words)
        assert options["proxies"] == ("auto" if words else "streams")
        raise Opened

    monkeypatch.setattr(engine, "LLM", opened)
    more = {"generate": ("-p", "the cat"), "chat": (), "score": ("-p", "the", "-c", " cat")}
    with pytest.raises(Opened):
        run(command, *more[command], *words)
