"""Everything that needs a GPU, in one run that leaves one JSON file: `make gpu PYTHON=python3`.

    PYTHONPATH=.:kernels python3 -m bench.gpu
    python3 -m bench.gpu "kernels" "the loop, of llama3-8b+1b"      these steps, in this order
    make gpu STEPS='"kernels" "the loop, of llama3-8b+1b"'          the same
    PROXYFUSE_RESULTS=FOLDER make gpu                               where only FOLDER is given back

Nothing is installed or fetched. Engine and benches want torch (with triton), transformers and what
these bring; the tests want pytest and hypothesis too. What is missing is named and recorded.

Weights of named trios are drawn on the GPU, so even a Llama 2 of 70 billion beside two of 7 is on
no disk; the gate alone writes files, of shapes two layers deep. Of a trio of which the GPU holds no
two, each engine is timed alone (`--apart`), and its ratios are of different minutes.

A step that fails, or that the budget leaves no time for, is recorded with its error; the others
still run, and the exit code says so; the one file is written anew after each. What was not begun is
named in the next call, whose record is a file of its own. Not run on a GPU so far: its bookkeeping
is tested, and its benches are walked through on a fake one.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch

from bench.harness import BUILDS, save

BUDGET = 520  # seconds in all, which leaves some of nine minutes to start and to end
LEAST = 10  # seconds that a step is started for
GRACE = 8  # seconds in which a step that took too long may tell what it has
TAIL = 20000  # characters of output that are kept of a step that failed
NEEDED = ("triton", "transformers", "pytest", "hypothesis")


@dataclass(frozen=True)
class Step:
    """One program, and the seconds that it may take."""

    name: str
    words: tuple[str, ...]  # after the interpreter
    limit: float


CARRY_ON = "--continue-on-collection-errors"  # of tests that want what is not there
BIG, BIGGER, BIGGEST = "llama3-8b+1b", "llama2-13b+7b", "llama2-70b+7b"
SCRATCH = "{scratch}"  # of the gate's weights, and what is built, made once for all steps
RANDOM = ("--agreeing", "--scratch", SCRATCH)
LATENCY = ("-m", "bench.engine.latency", "--device", "cuda", "--rounds", "3", *RANDOM)
OWN = ("--peers", "proxyfuse, no drafts", "proxyfuse, base alone")
OTHERS, COMPILED = ("--peers", "Hugging Face*, bfloat16"), ("--peers", "Hugging Face*, compiled")
LOOP = ("--peers", "Hugging Face loop, bfloat16")
ONE = ("--batch", "1", "--prompts")
ALL = ("--batch", "1", "8", "64")  # one engine for all: opening it costs the most
AS_ONE = ("--batch", "1", "8", "--prompts", "--peers", "proxyfuse, no drafts", "*grouped*")
EXACT = ("--batch", "64", "--prompts", "1024", "--peers", "proxyfuse, no drafts", "*invariant*")
FP8 = ("--base-quantization", "fp8", *OWN)
APART_FP8 = (*ALL, "--prompts", "--apart", *FP8)
SHARED = ("-n", "12", "--dist", "worksteal") if find_spec("xdist") else ()  # they mostly compile
TESTS = ("-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", "--tb=short", CARRY_ON)
MARKED = (  # all that holds tests marked gpu: each worker collects whatever is named
    "tests/engine/test_gpu.py",
    "tests/engine/test_two_gpus.py",
    "tests/measure/ops/test_ops_cases.py",
    "tests/measure/test_floor.py",
    "tests/proxyfuse_kernels/fused_head_sample",
    "tests/proxyfuse_kernels/gpu",
    "tests/proxyfuse_kernels/proxy_sample",
)
CUDA = "tests/csrc/cuda"  # built by nvcc where that is; in a process that nothing else is lost with
SAMPLER = ("-m", "bench.kernels.proxy_sample", "--quick", "--device", "cuda")
STEPS = (  # what matters most first: the limits are three budgets, or a little less
    Step("tests", (*TESTS, *SHARED, *MARKED), 110),
    Step("latency of mid", (*LATENCY, *OWN, "--trio", "mid"), 110),
    Step("latency of llama3-8b+1b", (*LATENCY, *ALL, *OWN, "--trio", BIG), 200),
    Step("latency of llama2-13b+7b", (*LATENCY, *ALL, "--apart", *OWN, "--trio", BIGGER), 180),
    Step("latency of llama2-70b+7b, base in fp8", (*LATENCY, *APART_FP8, "--trio", BIGGEST), 170),
    Step("kernels", ("-m", "bench.kernels", "--quick", "--device", "cuda"), 90),
    Step("proxies as one, of llama3-8b+1b", (*LATENCY, *AS_ONE, "--trio", BIG), 70),
    Step("what exactness costs, of llama3-8b+1b", (*LATENCY, *EXACT, "--trio", BIG), 60),
    Step("others, of mid", (*LATENCY, *ONE, *OTHERS, "--trio", "mid"), 40),
    Step("compiled others, of mid", (*LATENCY, *ONE, *COMPILED, "--trio", "mid"), 60),
    Step("the loop, of llama3-8b+1b", (*LATENCY, *ONE, *LOOP, "--trio", BIG), 90),
    Step("tests of the sampler in CUDA C++", (*TESTS, CUDA), 60),
    Step("the sampler in CUDA C++", SAMPLER, 30),
    Step("latency of the demo", (*LATENCY, *ONE, *OWN, "--trio", "demo"), 60),
    Step("proxies as one, of mid", (*LATENCY, *AS_ONE, "--trio", "mid"), 30),
    Step("latency of mid, base in fp8", (*LATENCY, *ONE, *FP8, "--trio", "mid"), 30),
    Step("the loop, of llama2-13b+7b", (*LATENCY, *ONE, "--apart", *LOOP, "--trio", BIGGER), 80),
    Step("compiled others, of llama3-8b+1b", (*LATENCY, *ONE, *COMPILED, "--trio", BIG), 80),
)


def run(step: Step, seconds: float, shared: str = "") -> dict[str, Any]:
    """Run one step for at most so long; its record is the last of its lines that is JSON.

    shared: the folder that steps share.
    """
    begin = time.monotonic()
    builds = {BUILDS: shared} if shared else {}
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [sys.executable, *(word.replace(SCRATCH, shared) for word in step.words)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | builds | {"PROXYFUSE_RESULTS": scratch, "TRITON_INTERPRET": "0"},
            start_new_session=True,  # so that what it started ends with it
            # who was started in the background ignores interrupts, and so would this
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        try:
            code = process.wait(timeout=seconds)
            error = None if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            _end(process)
            error = f"not done after {seconds:.0f} s"
        out.seek(0)
        text = out.read()
    found: dict[str, Any] = {
        "name": step.name,
        "command": " ".join(("python", *step.words)),
        "error": error,
        "seconds": round(time.monotonic() - begin, 1),
        "record": last_json(text),
    }
    return found | ({"output": text[-TAIL:]} if error else {})


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt it, so that it says what it has; then end it and all that it started."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_json(text: str) -> Any:
    """The object in the last line that holds one, or None; what failed says more behind it."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            with suppress(ValueError):
                return json.loads(line)
    return None


def run_all(steps: Sequence[Step], budget: float, shared: str = "") -> Iterator[dict[str, Any]]:
    """Every step in turn, within the budget; what it leaves no time for is recorded as such."""
    end = time.monotonic() + budget
    for step in steps:
        left = end - time.monotonic()
        if left < min(LEAST, step.limit):
            told: dict[str, Any] = {"error": f"not begun: {left:.0f} s were left"}
        else:
            told = run(step, min(step.limit, left), shared)
        print(f"{step.name}: {told['error'] or 'done'}, {told.get('seconds', 0)} s", flush=True)
        yield {"name": step.name} | told


def chosen(names: Sequence[str]) -> list[Step]:
    """The steps of these names in their order, or all; raises `ValueError` for a name of none."""
    known = {step.name: step for step in STEPS}
    for name in names:
        if name not in known:
            raise ValueError(f"got step {name!r}, want some of: {'; '.join(known)}")
    return [known[name] for name in dict.fromkeys(names or known)]


def main(words: Sequence[str]) -> None:
    """Run, save, and exit with 1 if any step failed, with 2 without a GPU or such a step."""
    parser = argparse.ArgumentParser(
        prog="make gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help="names; all where none is given")
    names = parser.parse_args(words).steps
    try:
        asked = chosen(names)
    except ValueError as error:
        parser.error(str(error))
    command = f"make gpu STEPS={shlex.quote(shlex.join(names))}" if names else "make gpu"
    if not torch.cuda.is_available():
        print("make gpu: torch sees no GPU here; want a machine with one", file=sys.stderr)
        sys.exit(2)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"missing: {', '.join(missing)}; steps that need them will fail", file=sys.stderr)
    begin = time.monotonic()
    steps: list[dict[str, Any]] = []
    path = None
    with tempfile.TemporaryDirectory() as shared:
        for step in run_all(asked, BUDGET, shared):  # saved after each: the machine may be taken
            steps.append(step)
            seconds = round(time.monotonic() - begin, 1)
            found = {"missing": missing, "seconds": seconds, "steps": steps}
            path = save("gpu", command, found, path=path)
    if any(step["error"] for step in steps):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
