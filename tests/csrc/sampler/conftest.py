"""proxyfuse::sampler built, installed, and found again by programs outside the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OUTSIDE = Path(__file__).parent / "outside"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def run(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.fixture(scope="session")
def compiler() -> str:
    found = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if found is None or shutil.which("cmake") is None:
        pytest.skip("needs cmake and a C++ compiler")
    return found


@pytest.fixture(scope="session")
def built(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build tree of the library, made without Python."""
    tree = tmp_path_factory.mktemp("built")
    run(
        "cmake",
        "-S",
        ROOT,
        "-B",
        tree,
        "-DPROXYFUSE_PYTHON=OFF",
        "-DPROXYFUSE_CUDA=OFF",
        *generator(compiler),
    )
    run("cmake", "--build", tree, "--target", "proxyfuse_sampler", *parallel())
    return tree


@pytest.fixture(scope="session")
def programs(compiler: str, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of outside/ are, built against the package as it is installed."""
    scratch = tmp_path_factory.mktemp("programs")
    prefix, tree = scratch / "prefix", scratch / "build"
    run("cmake", "--install", built, "--component", "sampler", "--prefix", prefix)
    found = f"-DCMAKE_PREFIX_PATH={prefix}"
    run("cmake", "-S", OUTSIDE, "-B", tree, found, *generator(compiler))
    run("cmake", "--build", tree, *parallel())
    return tree


@pytest.fixture(scope="session")
def sanitized(compiler: str, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `mistakes` and `conduct` are, with the library's own sources under sanitizers.

    The kernels are as they were built: compiling them again would take longer than all else here,
    and what they read is fenced by the program itself.
    """
    tree = tmp_path_factory.mktemp("sanitized")
    sources = sorted((ROOT / "csrc" / "sampler").glob("*.cpp"))
    include = [f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc' / 'include'}"]
    kernels = built / "csrc" / "cpu" / "libproxyfuse_sample.a"
    flags = ("-std=c++20", "-O1", "-g1", "-pthread", *SANITIZERS, *include)
    run(compiler, *flags, "-shared", "-fPIC", *sources, kernels, "-o", tree / "libsampler.so")
    for program in ("mistakes", "conduct"):
        library = (tree / "libsampler.so", f"-Wl,-rpath,{tree}")
        run(compiler, *flags, OUTSIDE / f"{program}.cpp", *library, "-o", tree / program)
    return tree


def generator(compiler: str) -> list[str]:
    ninja = ["-GNinja"] if shutil.which("ninja") else []
    return [f"-DCMAKE_CXX_COMPILER={compiler}", *ninja]


def parallel() -> tuple[str, str]:
    return "--parallel", str(min(2, os.cpu_count() or 1))
