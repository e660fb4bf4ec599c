"""The C++ examples, built outside the tree against what pip installed inside the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxyfuse.cli.config import NATIVE
from proxyfuse.demo import FOLDER
from proxyfuse.trio import Role, Trio

ROOT = Path(__file__).parents[3]
CONFIG = NATIVE / "lib" / "cmake" / "proxyfuse"


@pytest.fixture(scope="session")
def demo() -> Trio[Path]:
    return Trio({role: FOLDER / role.label for role in Role})


@pytest.fixture(scope="session")
def options(demo: Trio[Path]) -> list[str]:
    """The demo trio as options of either program, and where its Python is."""
    folders = [word for role, folder in demo.items() for word in (f"--{role.label}", str(folder))]
    return [*folders, "--venv", sys.prefix]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """In which the Python inside imports what these tests import, however it was installed."""
    source = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    return os.environ | {"PROXYFUSE_PYTHONPATH": source, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are: `stream`, and `service` where its two header libraries are found."""
    if not (CONFIG / "proxyfuse-engine.cmake").exists():
        pytest.skip("this copy was installed without libproxyfuse")
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        pytest.skip("needs cmake and a C++ compiler")
    tree = tmp_path_factory.mktemp("examples")
    generator = ["-GNinja"] if shutil.which("ninja") else []
    settings = [f"-Dproxyfuse_DIR={CONFIG}", "-DCMAKE_BUILD_TYPE=Debug", *generator]
    run("cmake", "-S", ROOT / "examples" / "cpp", "-B", tree, *settings)
    run("cmake", "--build", tree, "--parallel", str(min(2, os.cpu_count() or 1)))
    return tree


def run(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
