"""A tiny trio on disk, and the command line as a user calls it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxyfuse import LLM
from proxyfuse.cli import app
from proxyfuse.trio import Trio
from tests.tiny import make_trio

Call = Callable[..., Result]
QUICK = ("--device", "cpu", "--kv-cache-bytes", "1000000", "--num-threads", "1")


@pytest.fixture(scope="session")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Trio[Path]:
    """Random models; the expert has a chat template."""
    return make_trio(tmp_path_factory.mktemp("cli"))


@pytest.fixture
def options(trio: Trio[Path]) -> list[str]:
    """The trio as options."""
    return [part for role, folder in trio.items() for part in (f"--{role.label}", str(folder))]


@pytest.fixture(scope="session")
def llm(trio: Trio[Path]) -> LLM:
    """The same models through the Python class: what the command line must agree with."""
    return LLM(*trio.values(), device="cpu", kv_cache_bytes=1_000_000, num_threads=1)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command on a terminal of 200 columns; any exception but an exit is raised."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")

    def call(*words: str, stdin: str | bytes = "") -> Result:
        result = CliRunner().invoke(app, list(words), input=stdin, catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def run(call: Call, options: list[str]) -> Call:
    """Runs a command that needs the engine, with the trio's options."""

    def run(command: str, *words: str, stdin: str | bytes = "") -> Result:
        return call(command, *options, *QUICK, *words, stdin=stdin)

    return run
