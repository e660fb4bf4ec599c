"""The sampler in CUDA C++ is built once a run, by an nvcc that stands in for the real one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench.harness import BUILDS
from bench.kernels.cuda_sampler import build

NVCC = """#!/bin/sh
echo built >> "$LOG"
for out; do :; done
echo library > "$out"
exit ${FAILS:-0}
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What nvcc was asked: a line each time."""
    tools, log = tmp_path / "tools", tmp_path / "log"
    tools.mkdir()
    (tools / "nvcc").write_text(NVCC)
    (tools / "nvcc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.delenv(BUILDS, raising=False)
    return log


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Of two processes, and of the run."""
    made = [tmp_path / name for name in ("one", "two", "run")]
    for folder in made:
        folder.mkdir()
    return made


def test_by_itself_each_builds_its_own(log: Path, folders: list[Path]) -> None:
    found = [build(folder) for folder in folders[:2]]
    assert [library.parent for library in found] == folders[:2]
    assert all(library.read_text() == "library\n" for library in found)
    assert log.read_text().count("built") == 2


def test_in_a_run_the_second_finds_what_the_first_built(
    log: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, run = folders
    monkeypatch.setenv(BUILDS, str(run))
    assert build(one) == build(two) == run / "libcuda_sampler.so"
    assert log.read_text().count("built") == 1
    assert [path.name for path in run.iterdir()] == ["libcuda_sampler.so"]
    assert not any(one.iterdir()) and not any(two.iterdir())


def test_what_a_failed_build_left_is_no_library(
    log: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, run = folders
    monkeypatch.setenv(BUILDS, str(run))
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(subprocess.CalledProcessError):
        build(one)
    monkeypatch.delenv("FAILS")
    assert build(one).read_text() == "library\n"
    assert log.read_text().count("built") == 2
