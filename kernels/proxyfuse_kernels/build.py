"""One configuration in which an engine compiles a Triton kernel: what resources are told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Build(NamedTuple):
    """Enough to compile `kernel` ahead of time, for a device that need not be there.

    A module with kernels offers `builds() -> list[Build]`: its hot configurations.
    """

    name: str
    kernel: Any  # a triton.jit function
    # argument -> "*fp32", "i32", ..., "constexpr", or a named tuple of such, where a constexpr is
    # None; "i32:16" is a multiple of 16, "*bf16:16" an address that is one
    signature: Mapping[str, Any]
    constants: Mapping[str, Any]  # argument -> value; it may be left out of the signature
    num_warps: int = 4
    num_stages: int = 3
    fp_fusion: bool = True  # False: every multiplication and addition is rounded on its own
    registers: int | None = None  # the most of a thread; None leaves it to the assembler
