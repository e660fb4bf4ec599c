"""Triton's kernels on a pretended GPU: compiled and launched as ever, computed by its interpreter.

The compiler, the assembler and the launcher are Triton's own, up to the driver. What the launched
kernel would have computed, an interpreter in a process of its own computes in the same memory.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from functools import cache
from typing import Any

from triton.runtime.jit import JITFunction

from tests.pretended import driver
from tests.pretended.aliases import on_devices
from tests.pretended.arguments import Launch, name_of, packed
from tests.pretended.torch_ops import computes

OURS = ("proxyfuse", "bench", "tests")  # packages whose kernels are computed


class Interpreter:
    """The other side of `interpreter.py`."""

    def __init__(self) -> None:
        memory = driver.memory()
        words = [sys.executable, "-m", "tests.pretended.interpreter", *map(str, memory)]
        env = os.environ | {"TRITON_INTERPRET": "1"}
        del env["PRETENDED_NUMBERS"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, env=env, pass_fds=[memory.file]
        )
        self._lock = threading.Lock()
        atexit.register(self._process.kill)

    def run(self, launch: Launch) -> None:
        """Raises `RuntimeError` with what went wrong there."""
        given, answers = self._process.stdin, self._process.stdout
        assert given is not None and answers is not None
        with self._lock:
            pickle.dump(launch, given)
            given.flush()
            wrong = pickle.load(answers)
        if wrong:
            raise RuntimeError(f"in the interpreter, {launch.kernel}: {wrong}")


@cache
def interpreter() -> Interpreter:
    return Interpreter()


def _computed(kernel: JITFunction[Any], grid: Any, args: Any, kwargs: dict[str, Any]) -> None:
    device = on_devices((args, kwargs))[0].device
    if callable(grid):
        grid = grid(dict(zip(kernel.arg_names, args, strict=False)) | kwargs)
    given = packed(args, device), packed(kwargs, device)
    launch = Launch(name_of(kernel), tuple(grid), *given)
    driver.do(lambda: interpreter().run(launch), device)


def install() -> None:
    """For all kernels of ours, for good."""
    launch = JITFunction.run

    def run(self: JITFunction[Any], *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> Any:
        compiled = launch(self, *args, grid=grid, warmup=warmup, **kwargs)
        ours = self.fn.__module__.split(".")[0].startswith(OURS)
        if ours and computes() and not warmup and on_devices((args, kwargs)):
            _computed(self, grid, args, kwargs)
        return compiled

    JITFunction.run = run
