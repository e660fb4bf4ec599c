"""`linear_fp8` on a GPU: half the bytes of `linear`, widened on the way to the tensor cores.

e4m3 shifted by seven bits is float16 but for a factor of 256, subnormals included, so one path
serves chips with and without 8-bit types. Sums are those of `linear`: a row's bits do not depend on
how many rows there are.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.linear.kernel import FEW, Tile


@triton.jit
def _linear_fp8(
    x,
    weight,  # bytes
    scales,
    bias,
    out,
    rows,
    inputs,
    outputs,
    x_stride,
    out_stride,
    ROWS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    INPUTS: tl.constexpr,
    WHOLE: tl.constexpr,  # INPUTS divides inputs
    BIASED: tl.constexpr,
    ADD: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    output = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    step = tl.arange(0, INPUTS)
    here, there = row < rows, output < outputs
    x_at = x + row[:, None].to(tl.int64) * x_stride + step[None, :]
    weight_at = weight + tl.minimum(output, outputs - 1)[None, :].to(tl.int64) * inputs
    weight_at += step[:, None]
    total = tl.zeros([ROWS, OUTPUTS], dtype=tl.float32)
    for begin in range(0, inputs, INPUTS):
        if WHOLE:
            tile = tl.load(x_at, mask=here[:, None], other=0.0)
            packed = tl.load(weight_at)
        else:
            inside = step < inputs - begin
            tile = tl.load(x_at, mask=here[:, None] & inside[None, :], other=0.0)
            packed = tl.load(weight_at, mask=inside[:, None], other=0)
        bits = packed.to(tl.uint16)
        half = (((bits & 0x80) << 8) | ((bits & 0x7F) << 7)).to(tl.float16, bitcast=True)
        wide = (half.to(tl.float32) * 256.0).to(tile.dtype)
        total = tl.dot(tile, wide, total, input_precision="ieee")
        x_at += INPUTS
        weight_at += INPUTS
    total *= tl.load(scales + output, mask=there, other=0.0)[None, :]
    if BIASED:
        total += tl.load(bias + output, mask=there, other=0.0).to(tl.float32)[None, :]
    out_at = out + row[:, None].to(tl.int64) * out_stride + output[None, :]
    inside = here[:, None] & there[None, :]
    if ADD:
        total += tl.load(out_at, mask=inside, other=0.0)
    tl.store(out_at, total.to(out.dtype.element_ty), mask=inside)


def linear_fp8(
    x: Tensor,
    weight: Tensor,
    scales: Tensor,
    bias: Tensor | None,
    out: Tensor,
    *,
    add: bool = False,
) -> None:
    """As the reference, one path for any number of rows."""
    (rows, inputs), outputs = x.shape, len(weight)
    if not rows:
        return
    tile = choose(rows, outputs, x.dtype)
    _linear_fp8[triton.cdiv(rows, tile.rows), triton.cdiv(outputs, tile.outputs)](
        x,
        weight.view(torch.uint8),
        scales,
        scales if bias is None else bias,
        out,
        rows,
        inputs,
        outputs,
        x.stride(0),
        out.stride(0),
        ROWS=tile.rows,
        OUTPUTS=tile.outputs,
        INPUTS=tile.inputs,
        WHOLE=inputs % tile.inputs == 0,
        BIASED=bias is not None,
        ADD=add,
        num_warps=tile.warps,
        num_stages=tile.stages,
    )


def choose(rows: int, outputs: int, dtype: torch.dtype) -> Tile:
    """As for `linear`; a line of 128 bytes holds twice the weights."""
    if dtype == torch.float32:
        return Tile(FEW, 32, 32, 4, 3)
    if rows > FEW:
        return Tile(64, 64, 64, 2, 4)
    if outputs >= 16384:
        return Tile(FEW, 64, 128, 4, 5)
    return Tile(FEW, 32, 256, 4, 4)


def builds() -> list[Build]:
    """Products of a model of 70 billion."""
    kinds = dict.fromkeys(("x", "bias"), "*bf16:16") | {"weight": "*u8:16", "scales": "*fp32:16"}
    numbers = dict.fromkeys(("inputs", "outputs", "x_stride", "out_stride"), "i32:16")
    products = [
        ("qkv", 10240, 1, False, True),
        ("output, added", 8192, 1, True, True),
        ("gate and up", 57344, 1, False, True),
        ("ragged inputs", 8192, 1, False, False),
        ("many rows", 8192, 512, False, True),
    ]
    found = []
    for name, outputs, rows, add, whole in products:
        tile = choose(rows, outputs, torch.bfloat16)
        sizes = {"ROWS": tile.rows, "OUTPUTS": tile.outputs, "INPUTS": tile.inputs}
        flags = {"WHOLE": whole, "BIASED": False, "ADD": add}
        types = kinds | numbers | {"out": "*fp32:16" if add else "*bf16:16", "rows": "i32"}
        found.append(Build(name, _linear_fp8, types, sizes | flags, tile.warps, tile.stages))
    return found
