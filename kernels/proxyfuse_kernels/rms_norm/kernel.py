"""`rms_norm` on a GPU: a program a row, which it reads once."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.grouped import groups_of


@triton.jit
def _rms_norm(x, weight, out, x_stride, out_stride, width, eps, BLOCK: tl.constexpr):
    group = tl.program_id(1)
    row = (group * tl.num_programs(0) + tl.program_id(0)).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < width
    values = tl.load(x + row * x_stride + column, mask=inside, other=0.0).to(tl.float32)
    scale = tl.load(weight + group * width + column, mask=inside, other=0.0).to(tl.float32)
    inverse = 1.0 / tl.sqrt(tl.sum(values * values, axis=0) / width + eps)
    normed = (values * inverse * scale).to(out.dtype.element_ty)
    tl.store(out + row * out_stride + column, normed, mask=inside)


def rms_norm(x: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
    """As `Ops.rms_norm`: x [T, D] float32, weight [D], out [T, D]."""
    (rows, width), groups = x.shape, groups_of(weight, 1)
    if rows:
        block = triton.next_power_of_2(width)
        _rms_norm[rows // groups, groups](
            x,
            weight,
            out,
            x.stride(0),
            out.stride(0),
            width,
            eps,
            BLOCK=block,
            num_warps=warps(block),
        )


def warps(block: int) -> int:
    """Sixteen numbers a thread, in one to sixteen warps."""
    return min(max(block // 512, 1), 16)


def builds() -> list[Build]:
    """Rows of the widths that models have."""
    kinds = {"x": "*fp32:16", "weight": "*bf16:16", "out": "*bf16:16"}
    numbers = {"x_stride": "i32:16", "out_stride": "i32:16", "width": "i32:16", "eps": "fp32"}
    return [
        Build(f"width {width}", _rms_norm, kinds | numbers, {"BLOCK": block}, warps(block), 1)
        for width in (1024, 4096, 8192)
        for block in [triton.next_power_of_2(width)]
    ]
