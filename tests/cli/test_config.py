"""`proxyfuse config` says where a C++ build looks, or why there is nothing to look at."""

from pathlib import Path

import pytest

from proxyfuse.cli import config
from tests.cli.conftest import Call


def test_it_prints_one_folder_for_each_option(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "NATIVE", tmp_path)
    folders = [tmp_path / "lib/cmake/proxyfuse", tmp_path / "include"]
    for folder in folders:
        folder.mkdir(parents=True)
    done = call("config", "--include-dir", "--cmake-dir")
    assert done.stdout.splitlines() == [str(folder) for folder in folders]


def test_a_copy_without_a_library_says_so(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "NATIVE", tmp_path / "nothing")
    done = call("config", "--cmake-dir")
    assert done.exit_code == 2
    assert "python3-dev" in done.output


def test_nothing_asked_is_a_mistake(call: Call) -> None:
    done = call("config")
    assert done.exit_code == 2
    assert "--cmake-dir" in done.output
