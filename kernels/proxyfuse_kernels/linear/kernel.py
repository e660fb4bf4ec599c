"""`linear` on a GPU: weights streamed once past a few rows, on tensor cores.

An output is one float32 sum over its inputs in ascending order, sixteen at a time by the same
instruction, whichever tile it lies in: a row's bits depend neither on how many rows there are nor
on where it stands. See docs/decisions/kernels-triton.md.

`linear_fp8` is the same kernel: weights of 8 bits are widened on their way to the tensor cores.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.grouped import groups_of

FEW = 16  # rows of the smallest tile that tensor cores take
WIDE = 64  # outputs of the widest such tile
REGISTERS = 128  # of a thread: with four warps room for four programs, shared memory has for three


class Tile(NamedTuple):
    """What one program computes, and how."""

    rows: int
    outputs: int
    inputs: int  # that are read at a time
    warps: int
    stages: int  # reads in flight


@triton.jit(do_not_specialize=["rows"])  # or one row, and sixteen, were kernels of their own
def _linear(
    x,
    weight,  # bytes, where there are scales
    scales,  # of the outputs, or None
    bias,  # or None
    out,
    rows,  # of a group
    inputs,
    outputs,
    x_stride,
    out_stride,
    ROWS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    INPUTS: tl.constexpr,
    WHOLE: tl.constexpr,  # INPUTS divides inputs
    ADD: tl.constexpr,
    GROUPED: tl.constexpr,
):
    if GROUPED:
        group = tl.program_id(2).to(tl.int64)
        x += group * rows * x_stride
        out += group * rows * out_stride
        weight += group * outputs * inputs
        if scales is not None:
            scales += group * outputs
        if bias is not None:
            bias += group * outputs
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
            weights = tl.load(weight_at)
        else:
            inside = step < inputs - begin
            tile = tl.load(x_at, mask=here[:, None] & inside[None, :], other=0.0)
            weights = tl.load(weight_at, mask=inside[:, None], other=0)
        if scales is not None:
            weights = _widened(weights, tile.dtype)
        total = tl.dot(tile, weights, total, input_precision="ieee")
        x_at += INPUTS
        weight_at += INPUTS
    if scales is not None:
        total *= tl.load(scales + output, mask=there, other=0.0)[None, :]
    if bias is not None:
        total += tl.load(bias + output, mask=there, other=0.0).to(tl.float32)[None, :]
    out_at = out + row[:, None].to(tl.int64) * out_stride + output[None, :]
    inside = here[:, None] & there[None, :]
    if ADD:
        total += tl.load(out_at, mask=inside, other=0.0)
    tl.store(out_at, total.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _widened(packed, dtype: tl.constexpr):
    """Bytes of e4m3 as numbers.

    Shifted by seven bits e4m3 is float16 but for a factor of 256, subnormals included, so one path
    serves chips with and without 8-bit types.
    """
    bits = packed.to(tl.uint16)
    half = (((bits & 0x80) << 8) | ((bits & 0x7F) << 7)).to(tl.float16, bitcast=True)
    return (half.to(tl.float32) * 256.0).to(dtype)


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, *, add: bool = False
) -> None:
    """As `Ops.linear`, one path for any number of rows: x [T, K], weight [N, K], out [T, N]."""
    rows = len(x) // groups_of(weight, 2)
    launch(choose(rows, weight.shape[-2], x.dtype), x, weight, None, bias, out, add)


def launch(
    tile: Tile,
    x: Tensor,
    weight: Tensor,
    scales: Tensor | None,
    bias: Tensor | None,
    out: Tensor,
    add: bool,
) -> None:
    """Run the kernel, if there are rows; weights with scales come as bytes."""
    groups = groups_of(weight, 2)
    rows, outputs, inputs = len(x) // groups, *weight.shape[-2:]
    if not rows:
        return
    _linear[triton.cdiv(rows, tile.rows), triton.cdiv(outputs, tile.outputs), groups](
        x,
        weight,
        scales,
        bias,
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
        ADD=add,
        GROUPED=groups > 1,
        num_warps=tile.warps,
        num_stages=tile.stages,
        maxnreg=registers(tile, groups > 1),
    )


def choose(rows: int, outputs: int, dtype: torch.dtype) -> Tile:
    """The tile for a product.

    Few rows: about as many programs as a large chip has multiprocessors, or more, each with tens of
    kilobytes in flight. Many rows: two warps, so that a tile of 64 rows stays with the instruction
    of the small ones on every chip.
    """
    if dtype == torch.float32:
        return Tile(FEW, 32, 32, 4, 3)
    if rows > FEW:
        return Tile(64, 64, 64, 2, 4)
    if outputs >= 16384:
        return Tile(FEW, WIDE, 128, 4, 4)
    if outputs >= 4096:
        return Tile(FEW, 32, 256, 4, 4)
    return Tile(FEW, 16, 256, 2, 5)


def registers(tile: Tile, grouped: bool) -> int | None:
    """What a thread may take, where the assembler must be told.

    Left to itself it spills two of the wide tile's, to fit programs that shared memory cannot.
    """
    return REGISTERS if grouped and (tile.rows, tile.outputs) == (FEW, WIDE) else None


def builds() -> list[Build]:
    """A layer's products and the head, for few rows and many; biased, ragged, grouped ones."""
    products = [
        ("2048 outputs", 2048, 1, False, True),
        ("qkv, biased", 4608, 1, True, True),
        ("output, added", 4096, 1, False, True),
        ("gate and up", 28672, 1, False, True),
        ("head", 128256, 1, False, True),
        ("ragged inputs", 4096, 1, False, False),
        ("many rows", 4096, 512, False, True),
        ("many rows, biased and ragged", 4096, 512, True, False),
        ("grouped, 2048 outputs", 2048, 1, False, True),
        ("grouped, qkv, biased", 4608, 1, True, True),
        ("grouped, output, added", 4096, 1, False, True),
        ("grouped, gate and up", 28672, 1, False, True),
        ("grouped, head", 128256, 1, False, True),
        ("grouped, ragged inputs", 4096, 1, False, False),
        ("grouped, many rows", 4096, 512, False, True),
    ]
    return [
        build(name, choose(rows, outputs, torch.bfloat16), biased, whole)
        for name, outputs, rows, biased, whole in products
    ]


def build(name: str, tile: Tile, biased: bool, whole: bool, scaled: bool = False) -> Build:
    """One product of bfloat16; what is called added adds to a float32 result."""
    add = name.endswith("added")
    wide = add or name.endswith("head")
    kinds = {"x": "*bf16:16", "weight": "*u8:16" if scaled else "*bf16:16"}
    kinds |= {"out": "*fp32:16" if wide else "*bf16:16", "rows": "i32"}
    kinds |= dict.fromkeys(("inputs", "outputs", "x_stride", "out_stride"), "i32:16")
    kinds |= {"scales": "*fp32:16"} if scaled else {}
    kinds |= {"bias": "*bf16:16"} if biased else {}
    sizes = {"ROWS": tile.rows, "OUTPUTS": tile.outputs, "INPUTS": tile.inputs}
    grouped = name.startswith("grouped")
    constants = sizes | {"WHOLE": whole, "ADD": add, "GROUPED": grouped}
    absent = {name: None for name in ("scales", "bias") if name not in kinds}
    most, how = registers(tile, grouped), (tile.warps, tile.stages)
    return Build(name, _linear, kinds, constants | absent, *how, registers=most)
