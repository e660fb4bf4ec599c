"""The CUDA sampler's sources compiled for this machine, over an emulated chip."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.kernels.cuda_sampler import INCLUDES, SOURCES

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
THREADS = 64  # of an emulated block, so that short rows have many parts


def run(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def compiled(program: Path | None, out: Path, flags: Sequence[str]) -> Path:
    """The sampler's sources and `program`, if any, as `out`."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    include = [f"-I{path}" for path in (HERE / "emulation", *(ROOT / name for name in INCLUDES))]
    common = ["-std=c++20", "-ffp-contract=off", "-fno-math-errno", "-pthread", "-fPIC"]
    warned = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-U_FORTIFY_SOURCE"]
    own = [f"-DPROXYFUSE_CUDA_THREADS={THREADS}", *common, *warned, *include, *flags]
    files = [*(ROOT / source for source in SOURCES), *sorted(HERE.glob("emulation/*.cpp"))]
    files += [program] if program else []
    objects = {file: out.with_name(f"{i}-{file.stem}.o") for i, file in enumerate(files)}
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(run, compiler, *own, "-x", "c++", "-c", file, "-o", made)
            for file, made in objects.items()
        ]
        for job in jobs:
            job.result()
    run(compiler, *flags, "-pthread", *objects.values(), "-o", out)
    return out


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library for emulated.py."""
    out = tmp_path_factory.mktemp("emulated") / "libemulated.so"
    return compiled(None, out, ["-O1", "-shared"])
