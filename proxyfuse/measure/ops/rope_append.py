"""`rope_append`: rotate, store keys and values in their pages. Torch has no operation for it."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise
from proxyfuse.measure.ops.rows import row_case

PAGE = 16  # slots


def case(
    place: Place, rows: int, heads: int, key_heads: int, head_size: int, dtype: torch.dtype
) -> Case:
    """One new token of each of `rows` lanes."""
    device, width = place.device, (heads + 2 * key_heads) * head_size
    cache_shape = (rows, 2, PAGE, key_heads, head_size)

    def make() -> Buffers:
        order = torch.arange(rows, dtype=torch.int32, device=device)
        angles = noise(PAGE, head_size // 2, dtype=torch.float32, device=device)
        return {
            "qkv": noise(rows, width, dtype=dtype, device=device),
            "positions": order % PAGE,
            "slots": order * PAGE + order % PAGE,
            "rotation": torch.stack([angles.cos(), angles.sin()], dim=1),
            "cache": noise(*cache_shape, dtype=dtype, device=device),
        }

    def read(b: Buffers) -> Tensor:
        page, offset = b["slots"].long() // PAGE, b["slots"].long() % PAGE
        stored = [b["cache"][page, which, offset].flatten(1) for which in (0, 1)]
        return torch.cat([b["qkv"][:, : heads * head_size], *stored], dim=1)

    return row_case(
        place,
        "rope_append",
        {
            "rows": rows,
            "heads": heads,
            "key_heads": key_heads,
            "head_size": head_size,
            "dtype": str(dtype)[6:],
        },
        2 * rows * width * dtype.itemsize,
        make,
        lambda ops, b: ops.rope_append(
            b["qkv"], b["positions"], b["slots"], b["rotation"], b["cache"], heads=heads
        ),
        by_row=("qkv", "positions", "slots"),
        shared=("cache",),
        read=read,
    )
