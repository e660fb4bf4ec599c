"""The package installs without a compiler."""

import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import setuptools

SETUP = Path(__file__).parent.parent / "setup.py"


def test_a_failed_build_of_the_kernels_is_forgiven(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **options: asked.update(options))
    runpy.run_path(str(SETUP))

    def no_compiler(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", no_compiler)
    build = asked["cmdclass"]["build_ext"](setuptools.Distribution(asked))
    build.build_temp, build.build_lib = str(tmp_path), str(tmp_path)
    build.extensions = asked["ext_modules"]
    build.build_extensions()  # only warns
    assert list(tmp_path.rglob("*.so")) == []


def test_a_failed_build_of_the_libraries_leaves_the_kernels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **options: asked.update(options))
    runpy.run_path(str(SETUP))
    built: list[str] = []

    def no_library(command: list[str], **_: object) -> None:
        built.append(command[-1])
        if "--build" in command and "_cpu" not in command:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", no_library)
    build = asked["cmdclass"]["build_ext"](setuptools.Distribution(asked))
    build.build_temp, build.build_lib = str(tmp_path), str(tmp_path)
    build.extensions = asked["ext_modules"]
    for extension in build.extensions:
        build.build_extension(extension)
    assert "_cpu" in built
    assert "engine" not in built


def test_an_install_builds_nothing_by_nvcc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **options: asked.update(options))
    runpy.run_path(str(SETUP))
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    build = asked["cmdclass"]["build_ext"](setuptools.Distribution(asked))
    build.build_temp, build.build_lib = str(tmp_path), str(tmp_path)
    build.extensions = asked["ext_modules"]
    for extension in build.extensions:
        build.build_extension(extension)
    assert "-DPROXYFUSE_CUDA=OFF" in commands[0]
