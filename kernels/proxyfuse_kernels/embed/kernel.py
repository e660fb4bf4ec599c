"""`embed` on a GPU: rows are gathered and widened."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build

BLOCK = 1024


@triton.jit
def _gather(ids, table, out, table_stride, out_stride, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    source = table + tl.load(ids + row).to(tl.int64) * table_stride
    values = tl.load(source + column, mask=inside)
    tl.store(out + row * out_stride + column, values.to(out.dtype.element_ty), mask=inside)


def embed(ids: Tensor, table: Tensor, out: Tensor) -> None:
    """As `Ops.embed`: ids [T] int32, table [V, D], out [T, D] float32; rows may be strided."""
    rows, width = out.shape
    if rows:
        grid = (rows, triton.cdiv(width, BLOCK))
        _gather[grid](ids, table, out, table.stride(0), out.stride(0), width, BLOCK=BLOCK)


def builds() -> list[Build]:
    """From a table of weights, and from float32 rows, as `select` does."""
    numbers = dict.fromkeys(("table_stride", "out_stride", "width"), "i32:16")
    return [
        Build(
            f"from {kind}",
            _gather,
            {"ids": "*i32:16", "table": f"*{kind}:16", "out": "*fp32:16"} | numbers,
            {"BLOCK": BLOCK},
        )
        for kind in ("bf16", "fp32")
    ]
