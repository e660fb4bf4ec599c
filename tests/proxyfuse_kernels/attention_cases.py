"""Lanes for attention: pages out of order, NaN wherever no key is; and what is exact in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.paged_attention.reference import attend, lane_cache


@dataclass(frozen=True)
class Case:
    """Three lanes of different lengths, the rows at the end of each, and NaN wherever no key is."""

    qkv: Tensor
    positions: Tensor
    lanes: Tensor
    table: Tensor
    cache: Tensor
    heads: int

    def rows(self, picked: Sequence[int]) -> Case:
        rows = torch.tensor(picked)
        return replace(
            self, qkv=self.qkv[rows], positions=self.positions[rows], lanes=self.lanes[rows]
        )

    def on(self, device: str) -> Case:
        tensors = {name: x.to(device) for name, x in vars(self).items() if name != "heads"}
        return replace(self, **tensors)

    def attended(self, ops: Ops, run: Callable[[], None] | None = None, **options: Any) -> Tensor:
        size = self.cache.shape[-1]
        out = self.qkv.new_full((len(self.qkv), self.heads * size), torch.nan)
        ops.paged_attention(
            self.qkv,
            self.positions,
            self.lanes,
            self.table,
            self.cache,
            out,
            heads=self.heads,
            scale=size**-0.5,
            **options,
        )
        if run is not None:
            run()
        return out

    def exact(self, window: int | None = None, softcap: float | None = None) -> Tensor:
        size, rows = self.cache.shape[-1], []
        for row, position, lane in zip(
            self.qkv.double(), self.positions.tolist(), self.lanes.tolist(), strict=True
        ):
            first = 0 if window is None else max(0, position + 1 - window)
            keys, values = lane_cache(self.cache, self.table[lane], first, position + 1)
            q = row[: self.heads * size].view(self.heads, size)
            rows.append(attend(q, keys.double(), values.double(), size**-0.5, softcap).flatten())
        return torch.stack(rows)


def make_case(
    dtype: torch.dtype,
    size: int,
    heads: int,
    key_heads: int,
    per_page: int,
    rows: int = 21,
    before: int = 130,
) -> Case:
    """`before`: keys that the longest lane had before its new ones."""
    lengths = [1, rows - 6 + before, 40]  # rows 1, rows - 6, 5 of them are new
    counts = [1, rows - 6, 5]
    width = -(-max(lengths) // per_page)
    order = torch.randperm(3 * width + 2)
    cache = torch.full((len(order), 2, per_page, key_heads, size), torch.nan, dtype=dtype)
    table = torch.full((3, width), 2**30, dtype=torch.int32)  # pages nobody may read
    for lane, length in enumerate(lengths):
        pages = -(-length // per_page)
        table[lane, :pages] = order[lane * width : lane * width + pages]
        for p in range(length):
            cache[table[lane, p // per_page], :, p % per_page] = torch.randn(2, key_heads, size)
    ends = [torch.arange(n - count, n) for n, count in zip(lengths, counts, strict=True)]
    lanes = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    qkv = torch.randn(rows, (heads + 2 * key_heads) * size).to(dtype)
    return Case(qkv, torch.cat(ends).int(), lanes.int(), table, cache, heads)


def turned(x: Tensor, norm: Tensor | None, angles: Tensor) -> Tensor:
    """The rotation in float64.  x [T, heads, C], angles [T, 2, C/2]."""
    if norm is not None:
        x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * norm.double()
    left, right = x.chunk(2, dim=-1)
    cosine, sine = angles.double()[:, None].unbind(dim=2)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1)
