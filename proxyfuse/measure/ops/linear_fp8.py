"""`linear` over weights of 8 bits, beside products that read twice as much for the same result."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import kernels, row_case
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.quantised import Quantised, quantise


def case(place: Place, rows: int, inputs: int, outputs: int, dtype: torch.dtype) -> Case:
    """x [rows, inputs] times weights [outputs, inputs] in 8 bits.

    Torch's product, and our own under other names, take the same weights in `dtype`; all shares are
    of the floor of 8 bits.
    """
    device = place.device

    def make() -> Buffers:
        scale = inputs**-0.5
        weight = quantise(noise(outputs, inputs, dtype=dtype, device=device, scale=scale))
        return {
            "x": noise(rows, inputs, dtype=dtype, device=device),
            "values": weight.values,
            "scales": weight.scales,
            "wide": weight.float().to(dtype),
            "out": unwritten(rows, outputs, dtype=dtype, device=device),
        }

    def narrow(ops: Ops, b: Buffers) -> None:
        ops.linear(b["x"], Quantised(b["values"], b["scales"]), None, b["out"])

    def wide(ops: Ops, b: Buffers) -> None:
        ops.linear(b["x"], b["wide"], None, b["out"])

    name = str(dtype)[6:]
    found = row_case(
        place,
        "linear_fp8",
        {"rows": rows, "inputs": inputs, "outputs": outputs, "dtype": name},
        (inputs + 4) * outputs + rows * (inputs + outputs) * dtype.itemsize,
        make,
        narrow,
        by_row=("x", "out"),
        rival=lambda b: partial(F.linear, b["x"], b["wide"]),
    )
    rivals = {f"{kernel}, {name}": one for kernel, one in kernels(place, wide).items()}
    found.implementations.update(rivals)
    return found
