"""`silu_mul`: the gate of a feed-forward."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case


def case(place: Place, rows: int, inner: int, dtype: torch.dtype) -> Case:
    """gate_up [rows, 2 * inner]."""
    device = place.device

    def make() -> Buffers:
        return {
            "gate_up": noise(rows, 2 * inner, dtype=dtype, device=device),
            "out": unwritten(rows, inner, dtype=dtype, device=device),
        }

    def gated(gate_up: Tensor) -> Tensor:
        gate, up = gate_up.chunk(2, dim=-1)
        return F.silu(gate) * up

    return row_case(
        place,
        "silu_mul",
        {"rows": rows, "inner": inner, "dtype": str(dtype)[6:]},
        3 * rows * inner * dtype.itemsize,
        make,
        lambda ops, b: ops.silu_mul(b["gate_up"], b["out"]),
        by_row=("gate_up", "out"),
        rival=lambda b: partial(gated, b["gate_up"]),
    )
