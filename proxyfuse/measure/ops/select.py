"""`select`: the residual rows that are sampled."""

from __future__ import annotations

from functools import partial

import torch

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case


def case(place: Place, rows: int, width: int) -> Case:
    """Every other one of 2 * rows rows [width] float32."""
    device = place.device

    def make() -> Buffers:
        return {
            "x": noise(2 * rows, width, dtype=torch.float32, device=device),
            "rows": torch.arange(1, 2 * rows, 2, dtype=torch.int32, device=device),
            "out": unwritten(rows, width, dtype=torch.float32, device=device),
        }

    return row_case(
        place,
        "select",
        {"rows": rows, "width": width},
        2 * rows * width * 4,
        make,
        lambda ops, b: ops.select(b["x"], b["rows"], b["out"]),
        by_row=("rows", "out"),
        rival=lambda b: partial(torch.index_select, b["x"], 0, b["rows"]),
    )
