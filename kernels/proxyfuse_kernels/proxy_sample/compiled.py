"""`proxy_sample` on CPU tensors: addresses in, draws out, by the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from proxyfuse_kernels.cpu.tape import Tape
from proxyfuse_kernels.proxy_sample.rows import SHARED, SampleDraws, SampleRows

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
    margins: bool,
) -> SampleDraws:
    """`proxy_sample` by a `_cpu.Sampler` made for vocab."""
    count, top = logits[0].shape[0], min(top, vocab)
    draws = SampleDraws.empty(count, top, ranks, roles, margins=margins)
    kernel.run(*arguments(logits, columns(rows), rows.allowed, draws))
    return draws


def record(
    kernel: Any,
    tape: Tape,
    logits: Sequence[Tensor],
    rows: SampleRows,
    begin: int,
    draws: SampleDraws,
) -> None:
    """The same onto a tape: rows [begin, begin + len(logits[0])), drawn into `draws` from 0 on."""
    found = [
        address + begin * dtype.itemsize if address and name not in SHARED else address
        for (name, dtype), address in zip(TYPES.items(), columns(rows), strict=True)
    ]
    tape.keep(kernel, logits, rows, draws)
    kernel.record(tape.native, *arguments(logits, found, rows.allowed, draws))


def arguments(
    logits: Sequence[Tensor], columns: list[int], allowed: Tensor | None, draws: SampleDraws
) -> tuple[Any, ...]:
    """What `_cpu.Sampler` takes."""
    return (
        [describe(x) for x in logits],
        logits[0].shape[0],
        logits[-1].shape[0] if len(logits) == 3 else 0,
        0 if draws.top_ids is None else draws.top_ids.shape[1],
        columns,
        0 if allowed is None else allowed.stride(0),
        [0 if x is None else x.data_ptr() for x in fields_of(draws)],
    )


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
