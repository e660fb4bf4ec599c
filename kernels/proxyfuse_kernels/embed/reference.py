"""The meaning of `embed`."""

from __future__ import annotations

from torch import Tensor

from proxyfuse_kernels.grouped import groups_of, in_groups


def embed(ids: Tensor, table: Tensor, out: Tensor) -> None:
    """out = float32(table[ids]).  ids [T] int32, table [V, D] or [groups, V, D], out [T, D]."""
    count = groups_of(table, 2)
    tables = table if count > 1 else table[None]
    for own, rows, result in zip(tables, in_groups(ids, count), in_groups(out, count), strict=True):
        result.copy_(own[rows.long()])
