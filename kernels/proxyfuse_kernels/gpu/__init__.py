"""A decoder's operations on a GPU, in Triton; `available()` is False where triton is missing."""

from __future__ import annotations

from proxyfuse_kernels.ops import AheadOps

try:
    from proxyfuse_kernels.gpu.ops import TritonOps
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] != "triton":
        raise
    TritonOps = None  # type: ignore[assignment, misc]

__all__ = ["available", "gpu_ops"]


def available() -> bool:
    """Whether triton can be imported; it comes with torch where that was built for CUDA."""
    return TritonOps is not None


def gpu_ops(*, one_path: bool = False) -> AheadOps:
    """`TritonOps`; raises ImportError where triton is missing."""
    if not available():
        raise ImportError("got no triton, want the one that comes with torch for CUDA")
    return TritonOps(one_path=one_path)
