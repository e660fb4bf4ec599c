"""The operations that compute on a GPU."""

from __future__ import annotations

import warnings

from proxyfuse_kernels import gpu
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.reference import ReferenceOps


def make_gpu_ops(one_path: bool) -> AheadOps:
    """The Triton kernels; one_path: see `TritonOps`.

    Plain torch operations, and a warning once, where triton is missing.
    """
    if not gpu.available():
        warnings.warn(
            "triton is missing (it comes with torch where that was built for CUDA): plain torch"
            " operations run on the GPU instead, many times slower",
            RuntimeWarning,
            stacklevel=2,
        )
        return ReferenceOps()
    return gpu.gpu_ops(one_path=one_path)
