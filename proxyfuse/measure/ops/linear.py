"""`linear`: the products of a layer, and the head."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case


def case(
    place: Place, rows: int, inputs: int, outputs: int, dtype: torch.dtype, *, head: bool = False
) -> Case:
    """x [rows, inputs] @ weight [outputs, inputs].T; a head's logits are float32."""
    device, out_type = place.device, torch.float32 if head else dtype

    def make() -> Buffers:
        return {
            "x": noise(rows, inputs, dtype=dtype, device=device),
            "weight": noise(outputs, inputs, dtype=dtype, device=device, scale=inputs**-0.5),
            "out": unwritten(rows, outputs, dtype=out_type, device=device),
        }

    return row_case(
        place,
        "linear",
        {"rows": rows, "inputs": inputs, "outputs": outputs, "dtype": str(dtype)[6:]},
        (rows + outputs) * inputs * dtype.itemsize + rows * outputs * out_type.itemsize,
        make,
        lambda ops, b: ops.linear(b["x"], b["weight"], None, b["out"]),
        by_row=("x", "out"),
        rival=lambda b: partial(F.linear, b["x"], b["weight"]),
    )
