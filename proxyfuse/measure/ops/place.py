"""`place`: drafts to where they are read."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from proxyfuse.measure.ops.case import Buffers, Case, Place
from proxyfuse.measure.ops.rows import row_case

TARGETS = 4  # an input of each role, and a history


def case(place: Place, rows: int) -> Case:
    """`rows` tokens, each to four places of its own."""
    device = place.device

    def make() -> Buffers:
        tokens = torch.randint(1, 32000, (rows,), dtype=torch.int32, device=device)
        index = torch.randperm(TARGETS * rows, device=device).int().view(TARGETS, rows)
        return {"tokens": tokens, "index": index, "out": torch.zeros_like(index).flatten()}

    def scatter(out: Tensor, index: Tensor, tokens: Tensor) -> Tensor:
        return out.index_put_((index,), tokens.expand_as(index))

    return row_case(
        place,
        "place",
        {"rows": rows, "targets": TARGETS},
        4 * (rows + 2 * TARGETS * rows),
        make,
        lambda ops, b: ops.place(b["tokens"], b["index"], b["out"]),
        shared=("out",),
        rival=lambda b: partial(scatter, b["out"], b["index"].long(), b["tokens"]),
    )
