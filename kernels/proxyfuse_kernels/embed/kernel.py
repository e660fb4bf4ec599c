"""`embed` on a GPU: rows are gathered and widened."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.grouped import groups_of

BLOCK = 1024


@triton.jit(do_not_specialize=["ids"])  # which lie in the middle of others when drafts read them
def _gather(ids, table, out, group_stride, table_stride, out_stride, width, BLOCK: tl.constexpr):
    group = tl.program_id(2).to(tl.int64)
    row = group * tl.num_programs(0) + tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    source = table + group * group_stride + tl.load(ids + row).to(tl.int64) * table_stride
    values = tl.load(source + column, mask=inside)
    tl.store(out + row * out_stride + column, values.to(out.dtype.element_ty), mask=inside)


def embed(ids: Tensor, table: Tensor, out: Tensor) -> None:
    """As `Ops.embed`: ids [T] int32, table [V, D], out [T, D] float32; rows may be strided."""
    (rows, width), groups = out.shape, groups_of(table, 2)
    if rows:
        grid = (rows // groups, triton.cdiv(width, BLOCK), groups)
        apart = table.stride(0) if groups > 1 else 0
        strides = (apart, table.stride(-2), out.stride(0))
        _gather[grid](ids, table, out, *strides, width, BLOCK=BLOCK)


def builds() -> list[Build]:
    """From a table of weights, and from float32 rows, as `select` does."""
    numbers = dict.fromkeys(("group_stride", "table_stride", "out_stride", "width"), "i32:16")
    return [
        Build(
            f"from {kind}",
            _gather,
            {"ids": "*i32", "table": f"*{kind}:16", "out": "*fp32:16"} | numbers,
            {"BLOCK": BLOCK},
        )
        for kind in ("bf16", "fp32")
    ]
