"""What a program outside the tree finds: the installed package, a compiler, an environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxyfuse.demo import FOLDER

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "proxyfuse" / "native"
INSTALLED = Path(__file__).parent / "installed"

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture(scope="session")
def native() -> Path:
    """Where pip put libproxyfuse."""
    if not list(NATIVE.glob("lib/libproxyfuse.*")):
        pytest.skip("libproxyfuse was not built: no compiler, or a Python without its library")
    return NATIVE


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a program as a service would be run: with its environment named."""
    environment = os.environ | {
        "PROXYFUSE_VENV": sys.prefix,
        "PROXYFUSE_PYTHONPATH": f"{ROOT}:{ROOT / 'kernels'}",
        "PROXYFUSE_DEMO": str(FOLDER),
        "OMP_NUM_THREADS": "1",
    }

    def run_(*words: str | Path, **more: str) -> Done:
        command = [str(word) for word in words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment | more)
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done

    return run_


@pytest.fixture(scope="session")
def programs(native: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of installed/, built by a project that lies outside the tree."""
    return build(native, run, tmp_path_factory.mktemp("outside"), "c++")


def build(native: Path, run: Run, scratch: Path, compiler: str, *only: str) -> Path:
    """Where they are; `only`: of these targets, if any are named."""
    if shutil.which(compiler) is None or shutil.which("cmake") is None:
        pytest.skip(f"needs cmake and {compiler}")
    source, tree = scratch / "source", scratch / "build"
    shutil.copytree(INSTALLED, source / "installed")
    for header in ("expect.h", "traffic.h"):
        shutil.copy(INSTALLED.parent / header, source)
    ninja = ["-GNinja"] if shutil.which("ninja") else []
    where = f"-Dproxyfuse_DIR={native / 'lib' / 'cmake' / 'proxyfuse'}"
    choice = f"-DCMAKE_CXX_COMPILER={shutil.which(compiler)}"
    run("cmake", "-S", source / "installed", "-B", tree, where, choice, *ninja)
    targets = ["--target", *only] if only else []
    run("cmake", "--build", tree, "--parallel", str(min(2, os.cpu_count() or 1)), *targets)
    return tree
