"""`select` on a GPU: the same gather as `embed`, from float32 rows."""

from __future__ import annotations

from torch import Tensor

from proxyfuse_kernels.embed.kernel import embed


def select(x: Tensor, rows: Tensor, out: Tensor) -> None:
    """As `Ops.select`: x [T, D] float32, rows [S] int32, out [S, D] float32."""
    embed(rows, x, out)
