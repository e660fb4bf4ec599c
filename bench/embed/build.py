"""Programs of C++, built against the installed package, and what they need around them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import proxyfuse
from proxyfuse.demo import FOLDER

ROOT = Path(proxyfuse.__file__).parents[1]
CMAKE = Path(proxyfuse.__file__).parent / "native" / "lib" / "cmake" / "proxyfuse"


def build(source: Path, tree: Path) -> None:
    """Builds a CMake project; its programs lie in `tree`."""
    where = (f"-Dproxyfuse_DIR={CMAKE}", "-DCMAKE_BUILD_TYPE=Release")
    for words in (("-S", str(source), "-B", str(tree), *where), ("--build", str(tree))):
        subprocess.run(["cmake", *words], check=True, stdout=subprocess.DEVNULL)


def environment() -> dict[str, str]:
    """Names this Python, this source and the demo trio to a program."""
    path = f"{ROOT}:{ROOT / 'kernels'}"
    named = {"PROXYFUSE_VENV": sys.prefix, "PROXYFUSE_PYTHONPATH": path}
    return os.environ | named | {"PROXYFUSE_DEMO": str(FOLDER)}
