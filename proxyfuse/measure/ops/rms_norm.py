"""`rms_norm`: the residual, made ready for a product."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case

EPS = 1e-6


def case(place: Place, rows: int, width: int, dtype: torch.dtype) -> Case:
    """x [rows, width] float32 into `dtype`."""
    device = place.device

    def make() -> Buffers:
        return {
            "x": noise(rows, width, dtype=torch.float32, device=device),
            "weight": noise(width, dtype=dtype, device=device),
            "out": unwritten(rows, width, dtype=dtype, device=device),
        }

    def norm(x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, (width,), weight, EPS).to(dtype)

    return row_case(
        place,
        "rms_norm",
        {"rows": rows, "width": width, "dtype": str(dtype)[6:]},
        rows * width * (4 + dtype.itemsize) + width * dtype.itemsize,
        make,
        lambda ops, b: ops.rms_norm(b["x"], b["weight"], EPS, b["out"]),
        by_row=("x", "out"),
        rival=lambda b: partial(norm, b["x"], b["weight"].float()),
    )
