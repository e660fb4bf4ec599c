"""All operations: python -m bench.kernels [--quick]."""

from __future__ import annotations

from bench.kernels import (
    embed,
    fused_head_sample,
    linear,
    linear_fp8,
    paged_attention,
    place,
    proxy_sample,
    recall,
    remember,
    rms_norm,
    rope_append,
    select,
    silu_mul,
)
from bench.kernels.timing import run

MODULES = (  # those with aims first: a time limit may cut off the rest
    proxy_sample,
    fused_head_sample,  # which the engine does not use yet
    linear,
    linear_fp8,
    paged_attention,
    embed,
    rms_norm,
    rope_append,
    silu_mul,
    select,
    place,
    recall,
    remember,
)

if __name__ == "__main__":
    run({module.__name__.rpartition(".")[2]: module.cases for module in MODULES}, "bench.kernels")
