"""`embed`: rows of a table as float32."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case


def case(place: Place, rows: int, vocab: int, width: int, dtype: torch.dtype) -> Case:
    """ids [rows] of a table [vocab, width]."""
    device = place.device

    def make() -> Buffers:
        return {
            "ids": torch.randint(vocab, (rows,), dtype=torch.int32, device=device),
            "table": noise(vocab, width, dtype=dtype, device=device),
            "out": unwritten(rows, width, dtype=torch.float32, device=device),
        }

    return row_case(
        place,
        "embed",
        {"rows": rows, "vocab": vocab, "width": width, "dtype": str(dtype)[6:]},
        rows * width * (dtype.itemsize + 4),
        make,
        lambda ops, b: ops.embed(b["ids"], b["table"], b["out"]),
        by_row=("ids", "out"),
        rival=lambda b: partial(F.embedding, b["ids"], b["table"]),
    )
