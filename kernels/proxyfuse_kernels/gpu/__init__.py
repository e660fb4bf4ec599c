"""A decoder's operations and its sampler on a GPU, in Triton; `available()`: is there triton?"""

from __future__ import annotations

import torch

from proxyfuse_kernels.ops import AheadOps

try:
    from proxyfuse_kernels.fused_head_sample.launch import FusedHeadSampler
    from proxyfuse_kernels.gpu.ops import TritonOps
    from proxyfuse_kernels.proxy_sample.launch import TritonSampler
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] != "triton":
        raise
    FusedHeadSampler = TritonOps = TritonSampler = None  # type: ignore[assignment, misc]

__all__ = ["available", "gpu_head_sampler", "gpu_ops", "gpu_sampler"]


def available() -> bool:
    """Whether triton can be imported; it comes with torch where that was built for CUDA."""
    return TritonOps is not None


def gpu_ops(*, one_path: bool = False) -> AheadOps:
    """`TritonOps`; raises ImportError where triton is missing."""
    _require()
    return TritonOps(one_path=one_path)


def gpu_sampler(vocab: int, rows: int, device: torch.device) -> TritonSampler:
    """`TritonSampler` of at most `rows` rows; raises ImportError where triton is missing."""
    _require()
    return TritonSampler(vocab, rows, device)


def gpu_head_sampler(vocab: int, rows: int, device: torch.device) -> FusedHeadSampler:
    """`FusedHeadSampler` of at most `rows` rows; raises ImportError where triton is missing."""
    _require()
    return FusedHeadSampler(vocab, rows, device)


def _require() -> None:
    if not available():
        raise ImportError("got no triton, want the one that comes with torch for CUDA")
