"""`silu_mul` on a GPU: element by element."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build

BLOCK = 1024


@triton.jit
def _silu_mul(gate_up, out, in_stride, out_stride, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    start = gate_up + row * in_stride
    gate = tl.load(start + column, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(start + width + column, mask=inside, other=0.0).to(tl.float32)
    product = gate / (1.0 + tl.exp(-gate)) * up
    tl.store(out + row * out_stride + column, product.to(out.dtype.element_ty), mask=inside)


def silu_mul(gate_up: Tensor, out: Tensor) -> None:
    """As `Ops.silu_mul`: gate_up [T, 2F], out [T, F]."""
    rows, width = out.shape
    if rows:
        grid = (rows, triton.cdiv(width, BLOCK))
        _silu_mul[grid](gate_up, out, gate_up.stride(0), out.stride(0), width, BLOCK=BLOCK)


def builds() -> list[Build]:
    """One: it knows no sizes."""
    kinds = {"gate_up": "*bf16:16", "out": "*bf16:16"}
    numbers = dict.fromkeys(("in_stride", "out_stride", "width"), "i32:16")
    return [Build("bf16", _silu_mul, kinds | numbers, {"BLOCK": BLOCK})]
