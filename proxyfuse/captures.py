"""What torch leaves of a CUDA graph's capture whose end failed too, undone."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import torch


def unwind(graph: torch.cuda.CUDAGraph, pool: tuple[int, int], device: int) -> None:
    """Tell torch's allocator that a capture into the pool is over; no other may use the pool.

    Else the allocator takes it for one that goes on: it gives nothing back, not even weights of an
    engine that is gone. Where torch has ended it itself, nothing happens.
    """
    with suppress(RuntimeError):
        torch._C._cuda_endAllocateToPool(device, pool)
        # for good: the allocator of pinned memory may go on asking it
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(graph))
        torch._C._cuda_releasePool(device, pool)
