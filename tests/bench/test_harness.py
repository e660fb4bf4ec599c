"""A record names its commit wherever it is made, in a file that every place lets through."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import harness


def without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)


def without_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=""))


@pytest.mark.parametrize("lacking", [without_git, without_a_repository])
def test_where_git_does_not_say_the_environment_does(
    lacking: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(lacking)
    lacking(monkeypatch)
    monkeypatch.delenv(harness.COMMIT, raising=False)
    assert json.loads(harness.save("x", "x", {}, tmp_path).read_text())["commit"] == "unknown"
    monkeypatch.setenv(harness.COMMIT, "abc1234")
    path = harness.save("x", "x", {}, tmp_path)
    assert json.loads(path.read_text())["commit"] == "abc1234" and "-abc1234-x" in path.name


@pytest.mark.parametrize("commit", ["abc+", "abc", "a/b c"])
def test_a_file_has_a_name_that_every_place_lets_through(
    commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "_commit", lambda: commit)
    path = harness.save("x", "x", {}, tmp_path)
    assert path.parent.parent == tmp_path and re.fullmatch(r"[A-Za-z0-9._-]+", path.name)
    assert json.loads(path.read_text())["commit"] == commit
    assert ("-dirty-" in path.name) == commit.endswith("+")


def test_a_record_that_holds_more_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = harness.save("x", "x", {"steps": 1}, tmp_path)
    assert harness.save("x", "x", {"steps": 2}, path=first) == first
    assert [it for it in tmp_path.rglob("*") if it.is_file()] == [first]
    assert json.loads(first.read_text())["steps"] == 2
