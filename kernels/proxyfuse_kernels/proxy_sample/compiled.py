"""`proxy_sample` on CPU tensors: addresses in, draws out, by the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # DType in csrc/cpu/ops.h
FLOATS = ("alpha", "temperature", "top_p", "min_p", "repetition", "presence", "frequency")
TYPES = {
    **{field.name: torch.int32 for field in fields(SampleRows)},
    **dict.fromkeys((*FLOATS, "bias_values"), torch.float32),
    **{"seed": torch.int64, "is_given": torch.bool},
}


def run(
    kernel: Any,
    logits: Sequence[Tensor],
    rows: SampleRows,
    *,
    vocab: int,
    top: int,
    ranks: bool,
    roles: bool,
) -> SampleDraws:
    """`proxy_sample` by a `_cpu.Sampler` made for vocab."""
    count, top = logits[0].shape[0], min(top, vocab)
    tables = []
    for x in logits:
        if x.dtype not in DTYPES or (vocab > 1 and x.stride(1) != 1):
            raise ValueError(f"logits: got {x.dtype} with strides {x.stride()}, want float rows")
        tables.append((x.data_ptr(), x.stride(0), DTYPES[x.dtype]))
    draws = allocate(count, top, ranks, roles)
    kernel.run(
        tables,
        count,
        logits[-1].shape[0] if len(logits) == 3 else 0,
        top,
        addresses(rows),
        0 if rows.allowed is None else rows.allowed.stride(0),
        {name: x.data_ptr() for name, x in draws.items()},
    )
    return SampleDraws(**draws)


def addresses(rows: SampleRows) -> dict[str, int]:
    """Where each column lies, once it is known to be what the kernel reads."""
    found = {}
    for name, dtype in TYPES.items():
        column: Tensor | None = getattr(rows, name)
        if column is not None:
            if column.dtype != dtype or not column.is_contiguous():
                raise ValueError(f"{name}: got {column.dtype}, want contiguous {dtype}")
            found[name] = column.data_ptr()
    return found


def allocate(count: int, top: int, ranks: bool, roles: bool) -> dict[str, Tensor]:
    """Memory for the draws asked for, by name."""
    draws = {
        "tokens": torch.empty(count, dtype=torch.int32),
        "logprobs": torch.empty(count),
        "logsumexp": torch.empty(count),
        "finite": torch.empty(count, dtype=torch.bool),
    }
    if ranks:
        draws["ranks"] = torch.empty(count, dtype=torch.int32)
    if roles:
        draws["role_logprobs"] = torch.empty(count, 3)
    if top:
        draws["top_ids"] = torch.empty(count, top, dtype=torch.int32)
        draws["top_logprobs"] = torch.empty(count, top)
    return draws
