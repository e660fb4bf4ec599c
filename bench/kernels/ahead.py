"""Kernels compiled ahead of time, for chips that need not be there."""

from __future__ import annotations

import re
import subprocess
import tempfile
from typing import Any, NamedTuple

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from proxyfuse_kernels.build import Build

WARP = 32  # threads
USAGE = re.compile(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)")
ALIGNED = ":16"


class Resources(NamedTuple):
    """What one compiled kernel takes of a multiprocessor."""

    registers: int  # of a thread
    shared: int  # bytes of a block
    stack: int  # bytes of a thread: spilled registers


def compiled(build: Build, capability: int) -> Any:
    """The kernel for a compute capability (80, 90, 100), as triton's own object.

    Needs a process in which triton was imported without TRITON_INTERPRET.
    """
    types: dict[str, Any] = {}
    constants: dict[Any, Any] = dict(build.constants)
    aligned: dict[tuple[int, ...], Any] = {}
    for at, name in enumerate(build.kernel.arg_names):
        kind = build.signature.get(name, "constexpr")
        if isinstance(kind, tuple):
            types[name] = type(kind)(*(_plain(k, (at, i), aligned) for i, k in enumerate(kind)))
            constants |= {(at, i): None for i, k in enumerate(kind) if k == "constexpr"}
        else:
            types[name] = _plain(kind, (at,), aligned)
    source = ASTSource(build.kernel, types, constants, aligned)
    options = {
        "num_warps": build.num_warps,
        "num_stages": build.num_stages,
        "enable_fp_fusion": build.fp_fusion,
        "maxnreg": build.registers,
    }
    return triton.compile(source, target=GPUTarget("cuda", capability, WARP), options=options)


def _plain(kind: str, place: tuple[int, ...], aligned: dict[tuple[int, ...], Any]) -> str:
    """A type without its mark of alignment, which goes to `aligned`."""
    if kind.endswith(ALIGNED):
        aligned[place] = [["tt.divisibility", 16]]
    return kind.removesuffix(ALIGNED)


def resources(kernel: Any) -> Resources:
    """What a kernel that was compiled takes, as the assembler's own tool reads it."""
    tool = triton.knobs.nvidia.cuobjdump.path
    with tempfile.NamedTemporaryFile(suffix=".cubin") as binary:
        binary.write(kernel.asm["cubin"])
        binary.flush()
        told = subprocess.run(
            [tool, "-res-usage", binary.name], capture_output=True, text=True, check=True
        )
    found = USAGE.search(told.stdout + told.stderr)
    assert found is not None, f"no resource usage in what {tool} printed"
    registers, stack, local = map(int, found.groups())
    return Resources(registers, kernel.metadata.shared, stack + local)
