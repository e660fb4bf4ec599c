"""`proxy_sample` on CPU tensors: addresses in, draws out, by the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
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

columns_of = attrgetter(*TYPES)
fields_of = attrgetter(*(field.name for field in fields(SampleDraws)))


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
    draws = allocate(count, top, ranks, roles)
    kernel.run(
        [describe(x) for x in logits],
        count,
        logits[-1].shape[0] if len(logits) == 3 else 0,
        top,
        columns(rows),
        0 if rows.allowed is None else rows.allowed.stride(0),
        [0 if x is None else x.data_ptr() for x in fields_of(draws)],
    )
    return draws


def describe(logits: Tensor) -> tuple[int, int, int]:
    """One role's address, stride and type.  Raises `ValueError` for what the kernel cannot read."""
    row, column = logits.stride()
    if logits.dtype not in DTYPES or (column != 1 and logits.shape[1] > 1):
        raise ValueError(
            f"logits: got {logits.dtype} with strides {(row, column)}, want float rows"
        )
    return logits.data_ptr(), row, DTYPES[logits.dtype]


def columns(rows: SampleRows) -> list[int]:
    """Every column's address in order, once it is known to be what the kernel reads."""
    found = []
    for (name, dtype), column in zip(TYPES.items(), columns_of(rows), strict=True):
        if column is None:
            found.append(0)
        elif column.dtype is dtype and column.is_contiguous():
            found.append(column.data_ptr())
        else:
            raise ValueError(f"{name}: got {column.dtype}, want contiguous {dtype}")
    return found


def allocate(count: int, top: int, ranks: bool, roles: bool) -> SampleDraws:
    """Memory for the draws asked for."""
    return SampleDraws(
        tokens=torch.empty(count, dtype=torch.int32),
        logprobs=torch.empty(count),
        logsumexp=torch.empty(count),
        finite=torch.empty(count, dtype=torch.bool),
        ranks=torch.empty(count, dtype=torch.int32) if ranks else None,
        role_logprobs=torch.empty(count, 3) if roles else None,
        top_ids=torch.empty(count, top, dtype=torch.int32) if top else None,
        top_logprobs=torch.empty(count, top) if top else None,
    )
