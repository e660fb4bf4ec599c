"""The CUDA sampler's sources compiled for this machine, over an emulated chip."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
THREADS = 64  # of an emulated block, so that short rows have many parts
SOURCES = (
    "csrc/cuda/proxy_sample.cu",
    "csrc/cuda/spread.cpp",
    "csrc/cuda/check.cpp",
    "csrc/cuda/sampler_cuda.cpp",
    "csrc/sampler/check.cpp",
)


def run(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def compiled(sources: Path, program: Path, out: Path, flags: Sequence[str]) -> Path:
    """`program` and the sampler's sources, which lie in the folder `sources`, as `out`."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    include = [f"-I{HERE / 'emulation'}", f"-I{sources / 'csrc/include'}", f"-I{sources / 'csrc'}"]
    common = ["-std=c++20", "-ffp-contract=off", "-fno-math-errno", "-pthread", "-fPIC"]
    warned = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-U_FORTIFY_SOURCE"]
    own = [f"-DPROXYFUSE_CUDA_THREADS={THREADS}", *common, *warned, *include, *flags]
    files = [*(sources / source for source in SOURCES), *sorted(HERE.glob("emulation/*.cpp"))]
    objects = {
        file: out.with_name(f"{i}-{file.stem}.o") for i, file in enumerate([*files, program])
    }
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
    compiled(ROOT, HERE / "emulated.cpp", out.with_suffix(".tmp"), ["-O1", "-shared"]).rename(out)
    return out
