"""`paged_attention`: one new token of each lane over all keys of its lane."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case

PAGE = 16  # slots


def case(
    place: Place,
    rows: int,
    context: int,
    heads: int,
    key_heads: int,
    head_size: int,
    dtype: torch.dtype,
) -> Case:
    """`rows` lanes of `context` tokens each, their pages shuffled."""
    device, pages = place.device, -(-context // PAGE)
    values = rows * heads * head_size

    def make() -> Buffers:
        order = torch.randperm(rows * pages, device=device).int().view(rows, pages)
        cache = (rows * pages, 2, PAGE, key_heads, head_size)
        width = (heads + 2 * key_heads) * head_size
        return {
            "qkv": noise(rows, width, dtype=dtype, device=device),
            "positions": torch.full((rows,), context - 1, dtype=torch.int32, device=device),
            "lanes": torch.arange(rows, dtype=torch.int32, device=device),
            "page_table": order,
            "cache": noise(*cache, dtype=dtype, device=device),
            "out": unwritten(rows, heads * head_size, dtype=dtype, device=device),
        }

    def dense_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=True).view(rows, -1)

    def rival(b: Buffers) -> partial[Tensor]:
        """Torch's attention over dense keys and values, gathered before the clock runs."""
        q = b["qkv"][:, : heads * head_size].view(rows, heads, 1, head_size)
        dense = b["cache"][b["page_table"].long()].permute(2, 0, 4, 1, 3, 5).flatten(3, 4)
        k, v = dense[:, :, :, :context].contiguous()  # each [rows, G, context, C]
        return partial(dense_attention, q, k, v)

    return row_case(
        place,
        "paged_attention",
        {
            "rows": rows,
            "context": context,
            "heads": heads,
            "key_heads": key_heads,
            "head_size": head_size,
            "dtype": str(dtype)[6:],
        },
        2 * (values + rows * context * key_heads * head_size) * dtype.itemsize,
        make,
        lambda ops, b: ops.paged_attention(
            b["qkv"],
            b["positions"],
            b["lanes"],
            b["page_table"],
            b["cache"],
            b["out"],
            heads=heads,
            scale=head_size**-0.5,
        ),
        by_row=("qkv", "positions", "lanes", "out"),
        rival=rival,
    )
