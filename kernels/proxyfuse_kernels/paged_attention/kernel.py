"""`paged_attention` on a GPU: keys in splits of one size, folded in ascending order.

What a row is given are the results of its splits, one after the other; who computes which split,
and how many rows share a tile, decide nothing. See docs/decisions/kernels-triton.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.paged_attention.jit.attend import attend, combine

SPLIT = 256  # keys; a split begins at a multiple
FEWEST = 16  # keys at a time; values of 4 bytes spill with more
TILE = 16  # rows times heads: the fewest that tensor cores take
STAGES = 5  # two blocks of keys in flight: where they lie is read two blocks before
# The most of a thread, by the bytes of a value: left to itself the assembler spills a few to
# fit one program more. Values of 4 bytes take what there is: one program a multiprocessor.
REGISTERS = {2: 192, 4: 255}
VALUES = {"bf16": 2, "fp16": 2, "fp32": 4}  # bytes
PROGRAMS = 264  # two for each multiprocessor of a large chip; fewer rows than that are split
MOST_SCRATCH = 1 << 28  # bytes for the results of splits; what needs more is not split


class Shape(NamedTuple):
    """What a program is compiled for."""

    heads: int
    group: int  # query heads of a key head
    group_padded: int
    rows: int  # of one lane that share a program: their positions differ in the last bits only
    size: int
    size_padded: int
    keys: int  # read at a time
    warps: int

    @classmethod
    def of(cls, heads: int, key_heads: int, size: int, value: int) -> Shape:
        """A tile of 16 or more, and some kilobytes of keys at a time; value: bytes of one."""
        group = heads // key_heads
        padded, wide = triton.next_power_of_2(group), max(triton.next_power_of_2(size), 16)
        keys = FEWEST if value > 2 else min(max(4096 // wide, FEWEST), 64)
        rows, warps = max(TILE // padded, 1), 8 if wide > 128 or value > 2 else 4
        return cls(heads, group, padded, rows, size, wide, keys, warps)


def paged_attention(
    qkv: Tensor,
    positions: Tensor,
    lanes: Tensor,
    page_table: Tensor,
    cache: Tensor,
    out: Tensor,
    *,
    heads: int,
    scale: float,
    window: int | None = None,
    softcap: float | None = None,
) -> None:
    """As `Ops.paged_attention`; a lane's rows stand in ascending order of their positions."""
    rows, (_, _, slots, key_heads, size) = len(qkv), cache.shape
    if not rows:
        return
    shape = Shape.of(heads, key_heads, size, cache.element_size())
    splits = -(-page_table.shape[1] * slots // SPLIT)
    ways = ways_of(rows, shape, splits)
    entries = rows * heads * splits if ways > 1 else 0
    sums = torch.empty(entries * 2, dtype=torch.float32, device=out.device)
    parts = torch.empty(entries * size, dtype=torch.float32, device=out.device)
    common = {"HEADS": heads, "SIZE": size, "SIZE_PADDED": shape.size_padded}
    common |= {"SPLIT": SPLIT, "WINDOW": window or 0}
    attend[rows, key_heads, ways](
        qkv,
        positions,
        lanes,
        page_table,
        cache,
        out,
        sums if entries else out,
        parts if entries else out,
        rows,
        qkv.stride(0),
        out.stride(0),
        page_table.stride(0),
        cache.stride(0),
        cache.stride(1),
        cache.stride(2),
        splits,
        ways,
        scale,
        **common,
        **_constants(shape),
        SLOTS=slots,
        SOFTCAP=softcap or 0.0,
        ALONE=ways == 1,
        num_warps=shape.warps,
        num_stages=STAGES,
        maxnreg=REGISTERS[cache.element_size()],
    )
    if ways > 1:
        combine[rows, heads](
            positions, out, sums, parts, out.stride(0), splits, **common, num_warps=1
        )


def ways_of(rows: int, shape: Shape, splits: int) -> int:
    """Programs that share the splits of one row and key head: it decides when, not what."""
    programs = rows * (shape.heads // shape.group)
    scratch = rows * shape.heads * splits * (shape.size + 2) * 4
    if programs >= PROGRAMS or scratch > MOST_SCRATCH:
        return 1
    return min(splits, -(-PROGRAMS // programs))


def _constants(shape: Shape) -> dict[str, Any]:
    return {
        "GROUP": shape.group,
        "GROUP_PADDED": shape.group_padded,
        "ROWS": shape.rows,
        "KEYS": shape.keys,
    }


def builds() -> list[Build]:
    """Heads of known models; few rows, whose splits are shared, and many."""
    models = [
        ("Llama 3 8B", 32, 8, 128, None, None, "bf16"),
        ("Llama 2 7B", 32, 32, 128, None, None, "bf16"),
        ("Llama 2 13B", 40, 40, 128, None, None, "bf16"),
        ("Llama 3 70B", 64, 8, 128, None, None, "bf16"),
        ("Llama 3 1B", 32, 8, 64, None, None, "bf16"),
        ("Qwen 2.5 7B", 28, 4, 128, None, None, "bf16"),
        ("Mistral 7B, window", 32, 8, 128, 4096, None, "bf16"),
        ("heads of 80", 32, 8, 80, None, None, "bf16"),
        ("heads of 256, window, softcap", 8, 4, 256, 4096, 50.0, "bf16"),
        ("Llama 3 8B, float16", 32, 8, 128, None, None, "fp16"),
        ("Llama 3 8B, float32", 32, 8, 128, None, None, "fp32"),
        ("Llama 3 1B, float32", 32, 8, 64, None, None, "fp32"),
    ]
    found = []
    for name, heads, key_heads, size, window, softcap, kind in models:
        shape = Shape.of(heads, key_heads, size, VALUES[kind])
        for alone in (False, True):
            how = "alone" if alone else "in splits"
            found.append(_attend_build(f"{name}, {how}", shape, window, softcap, alone, kind))
        if size >= 128:
            found.append(_combine_build(name, shape, window, kind))
    return found


def _attend_build(
    name: str, shape: Shape, window: int | None, softcap: float | None, alone: bool, kind: str
) -> Build:
    kinds = dict.fromkeys(("qkv", "cache", "out"), f"*{kind}:16")
    kinds |= {"positions": "*i32", "lanes": "*i32", "page_table": "*i32:16"}
    kinds |= dict.fromkeys(("sums", "parts"), "*fp32:16")
    strides = ("qkv_stride", "out_stride", "page_stride", "value_stride", "slot_stride")
    kinds |= dict.fromkeys(strides, "i32:16")
    kinds |= dict.fromkeys(("rows", "table_stride", "splits", "ways"), "i32") | {"scale": "fp32"}
    constants = {"SLOTS": 16, "WINDOW": window or 0, "SOFTCAP": softcap or 0.0, "ALONE": alone}
    constants |= {"HEADS": shape.heads, "SIZE": shape.size, "SIZE_PADDED": shape.size_padded}
    constants |= {"SPLIT": SPLIT} | _constants(shape)
    most = REGISTERS[VALUES[kind]]
    return Build(name, attend, kinds, constants, shape.warps, STAGES, registers=most)


def _combine_build(name: str, shape: Shape, window: int | None, kind: str) -> Build:
    kinds = {"positions": "*i32", "out": f"*{kind}:16", "sums": "*fp32:16", "parts": "*fp32:16"}
    kinds |= {"out_stride": "i32:16", "splits": "i32"}
    constants = {"HEADS": shape.heads, "SIZE": shape.size, "SIZE_PADDED": shape.size_padded}
    return Build(name, combine, kinds, constants | {"SPLIT": SPLIT, "WINDOW": window or 0}, 1, 2)
