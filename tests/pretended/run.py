"""The engine and its kernels on a GPU that is pretended: `make pretended`, on any Linux of x86-64.

    python -m tests.pretended.run [--folder build/pretended] [--processes 2] [PART ...]
    python -m tests.pretended.run --python -m bench.engine.latency --device cuda      any program

Real are torch's CUDA build (its allocator, streams, events and graphs, and what it does not let
happen in a capture), Triton's compiler, assembler and launcher, and all of ours that runs on the
host. Pretended is what lies below: CUDA's runtime and driver (`driver/`), which keep the books of
memory, streams, events and captures, refuse what CUDA refuses, and run no kernel.

The numbers are the host's. Device memory is a file that is mapped; after torch's CUDA code has
launched an operation, the same operation runs on the CPU over the same bytes (`torch_ops.py`). What
a Triton kernel would have written, Triton's interpreter writes, in a process of its own
(`triton_launches.py`, `interpreter.py`), or for whole texts the operation's plain version
(`plain_ops.py`). In a capture that is a node of the graph, and done by every replay.

What it cannot tell: time; races within a kernel; races between streams, since all is done in the
order in which it is given (`tests/fake` finds those); how a chip rounds; NVIDIA's own libraries.
docs/decisions/pretended-gpu.md says more.

Wanted are Python 3.11 or 3.12 with its headers, pip, g++ 10 and binutils 2.35 or later. The folder
takes 2.6 GB.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.pretended.build import build

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
HEADERS = ("nvidia-cuda-runtime==13.0.96", "nvidia-cuda-crt==13.0.88")  # of torch's CUDA; no nvcc

GPUS = "2"
HIDING = ("CUDA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
NAN = "0xff"  # every byte of memory that torch takes of the driver


@dataclass(frozen=True)
class Part:
    """Something to run, and how what it launches is computed."""

    numbers: str  # PRETENDED_NUMBERS
    words: tuple[str, ...]  # after pytest, or after the interpreter


KERNELS = ("tests/proxyfuse_kernels", "tests/measure")
PARTS = {
    "itself": Part("interpreter", ("tests/pretended",)),
    "kernels": Part("interpreter", ("-m", "gpu", *KERNELS)),
    "engine": Part("plain", ("-m", "gpu", "tests/engine")),
}


def make(folder: Path) -> Path:
    """The environment in the folder, with the libraries; returns its python.

    Made anew where it was made by another Python, or of other packages.
    """
    python, done = folder / "venv" / "bin" / "python", folder / "made_of.txt"
    made_of = "\n".join((sys.version, *HEADERS, REQUIREMENTS.read_text()))
    if not done.exists() or done.read_text() != made_of:
        for stale in ("venv", "headers", "lib"):
            shutil.rmtree(folder / stale, ignore_errors=True)
        venv.create(folder / "venv", with_pip=True, symlinks=True)
        install = [str(python), "-m", "pip", "install", "-q", "--no-deps"]
        _run(*install, "-r", REQUIREMENTS)
        _run(*install, "--upgrade", "--target", folder / "headers", *HEADERS)
        done.write_text(made_of)
    (torch,) = (folder / "venv").glob("lib/python*/site-packages/torch/lib")
    if not (torch / "libtorch_cuda.so").exists():
        sys.exit("got a torch without CUDA from pip's index, want the build that PyPI has")
    (headers,) = (folder / "headers").glob("nvidia/*/include")
    build(torch, headers, folder / "lib")
    return python


def environment(folder: Path, part: Part) -> dict[str, str]:
    """What a program needs that is to have the pretended GPU."""
    outside = {name: value for name, value in os.environ.items() if name not in HIDING}
    libraries = [str(folder / "lib"), *outside.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    return outside | {
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        "PYTHONPATH": os.pathsep.join(map(str, (HERE / "start", ROOT, ROOT / "kernels"))),
        "PRETENDED_NUMBERS": part.numbers,
        "PRETENDED_GPUS": GPUS,
        "PRETENDED_POISON": NAN,
        "TRITON_INTERPRET": "0",
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "OMP_NUM_THREADS": "1",
    }


def program(python: Path, folder: Path, part: Part) -> int:
    """Its exit code."""
    return subprocess.run([str(python), *part.words], env=environment(folder, part)).returncode


def tests(part: Part, processes: int) -> Part:
    """The same as a program of Python's."""
    pytest = ("-m", "pytest", "-p", "tests.pretended.watch", "-p", "no:cacheprovider")
    shared = ("-n", str(processes), "--dist", "worksteal", "--rootdir", str(ROOT))
    return replace(part, words=(*pytest, *shared, *part.words))


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True)


def main(words: Sequence[str]) -> None:
    """Exits with 1 where a test failed."""
    parser = argparse.ArgumentParser(
        prog="make pretended",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pretended")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--python", nargs=argparse.REMAINDER, default=[], metavar="WORD")
    asked = parser.parse_args(words)
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"got {', '.join(sorted(unknown))}, want some of {', '.join(PARTS)}")
    if (got := (platform.system(), platform.machine())) != ("Linux", "x86_64"):
        parser.error(f"got {' of '.join(got)}, want Linux of x86_64")
    if lacking := [tool for tool in ("g++", "nm", "readelf") if shutil.which(tool) is None]:
        parser.error(f"got no {', '.join(lacking)}, want g++ and binutils")
    folder = asked.folder.resolve()
    python = make(folder)
    if asked.python:
        sys.exit(program(python, folder, Part("plain", tuple(asked.python))))
    failed = []
    for name in asked.parts or PARTS:
        begin = time.monotonic()
        code = program(python, folder, tests(PARTS[name], asked.processes))
        told = f"exit code {code}" if code else "passed"
        print(f"{name}: {told}, {time.monotonic() - begin:.0f} s", flush=True)
        failed += [name] if code else []
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
