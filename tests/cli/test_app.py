"""The command as a whole: its manual, its version, its parts."""

import os
import subprocess
import sys

import pytest
import typer.main

from proxyfuse.cli import app
from tests.cli.conftest import Call

COMMANDS = ("generate", "chat", "score", "inspect", "bench", "config")


def test_help_names_every_command(call: Call) -> None:
    shown = call("--help").stdout
    for command in COMMANDS:
        assert command in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_manual(call: Call, command: str) -> None:
    """Every option is there, and none without a description."""
    shown = call(command, "--help").stdout
    for option in typer.main.get_command(app).commands[command].params:
        assert option.help, option.name
        assert all(name in shown for name in option.opts)


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version").stdout.startswith("proxyfuse ")


def test_no_command_shows_the_manual(call: Call) -> None:
    assert "Usage: " in call().output


def test_errors_leave_a_real_process_as_one_line() -> None:
    program = "from proxyfuse.cli import main; main()"
    words = ["generate", "--base", "/nowhere/at/all", "-p", "x"]
    path = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "proxyfuse: /nowhere/at/all: no such folder\n"
