"""What Triton's compiler would be asked for on a GPU, told of kernels that are interpreted."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

Keys = dict[str, set[str]]  # of each kernel, by its name: one a compilation


def watch(patch: pytest.MonkeyPatch) -> Keys:
    """From now on every launch is interpreted as before, and leaves what it is compiled for.

    That is what Triton itself makes of types, values and alignments: no GPU is asked.
    """
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    run, keys = interpreter.InterpretedFunction.run, defaultdict(set)

    def watched(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> Any:
        keys[self.fn.__name__.strip("_")].add(key_of(self, *args, **kwargs))
        return run(self, *args, grid=grid, warmup=warmup, **kwargs)

    patch.setattr(interpreter.InterpretedFunction, "run", watched)
    return keys


def key_of(kernel: Any, *args: Any, **kwargs: Any) -> str:
    """Equal for calls that share a compilation."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import make_backend
    from triton.runtime.jit import create_function_from_signature

    made = compiled_form(kernel)
    backend = make_backend(GPUTarget("cuda", 90, 32))
    bind = create_function_from_signature(made.signature, made.params, backend)
    _, specialised, options = bind(*args, **kwargs)
    return f"{specialised} {options}"


def compiled_form(kernel: Any) -> Any:
    """An interpreted kernel as the function that is compiled, with the options it was made with."""
    from triton.runtime.jit import JITFunction

    return JITFunction(kernel.fn, **kernel.kwargs)
