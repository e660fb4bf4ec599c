"""The meaning of `silu_mul` (the gate of Shazeer 2020, SwiGLU)."""

from __future__ import annotations

import torch
from torch import Tensor


def silu_mul(gate_up: Tensor, out: Tensor) -> None:
    """out = gate * sigmoid(gate) * up.  gate_up [T, 2F], gate first; out [T, F]."""
    for row, result in zip(gate_up, out, strict=True):  # one at a time: no row touches another
        gate, up = row.float().chunk(2)
        result.copy_(gate * torch.sigmoid(gate) * up)
