"""The CUDA sampler's own source on an emulated chip, called with tensors of the host."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows

TYPES = [torch.float32, torch.bfloat16, torch.float16]  # in the order of LogitType
COLUMNS = [  # DeviceRows in its order
    *("alpha", "temperature", "top_k", "top_p", "min_p", "repetition", "presence", "frequency"),
    *("seed", "stream", "position", "history", "history_start", "history_split", "history_end"),
    *("bias_ids", "bias_start", "bias_values", "allowed", "allowed_row", "allowed_stride"),
    *("given", "is_given"),
]
DRAWS = [  # DeviceDraws
    *("tokens", "finite", "logprobs", "logsumexp"),
    *("ranks", "role_logprobs", "top_ids", "top_logprobs"),
]


class Role(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("rows", "stride", "type")),
    ]


class Call(ctypes.Structure):
    """As in emulated.cpp."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("vocab", "rows", "major", "shared_bytes", "dice", "launches")
        ),
        ("roles", Role * 3),
        ("columns", ctypes.c_void_p * len(COLUMNS)),
        ("draws", ctypes.c_void_p * len(DRAWS)),
        ("top", ctypes.c_size_t),
    ]


@dataclass(frozen=True)
class Chip:
    """What is emulated. major 9 has clusters; shared_bytes decides whether rows are kept there."""

    major: int = 9
    shared_bytes: int = 227 << 10
    dice: int = 1
    launches: int = 1


class RefusedError(Exception):
    """What the sampler said as it refused a call."""


def role_of(logits: Tensor | None) -> Role:
    if logits is None:
        return Role(None, 0, 0, 0)
    rows, stride = logits.shape[0], logits.stride(0)
    return Role(logits.data_ptr(), rows, stride, TYPES.index(logits.dtype))


def sample(
    library: Path,
    logits: list[Tensor],
    rows: SampleRows,
    *,
    vocab: int,
    top: int = 0,
    ranks: bool = False,
    roles: bool = False,
    chip: Chip | None = None,
    without: frozenset[str] = frozenset(),
) -> SampleDraws:
    """`proxy_sample` by the CUDA kernels. `without`: columns and draws that are left null."""
    chip = chip or Chip()
    draws = SampleDraws.empty(logits[0].shape[0], min(top, vocab), ranks, roles, "cpu")
    for field in fields(SampleDraws):
        held = getattr(draws, field.name)
        if held is not None:
            held.fill_(1 if held.dtype == torch.bool else 77)  # what was not written shows
    call = Call(vocab, len(logits[0]), chip.major, chip.shared_bytes, chip.dice, chip.launches)
    call.roles[:] = [role_of(x) for x in [*logits, None, None][:3]]
    call.top = 0 if draws.top_ids is None or "top_ids" in without else draws.top_ids.shape[1]
    for i, name in enumerate(COLUMNS):
        if name == "allowed_stride":
            call.columns[i] = 0 if rows.allowed is None else rows.allowed.stride(0)
        else:
            column = None if name in without else getattr(rows, name)
            call.columns[i] = None if column is None else column.data_ptr() or 8
    for i, name in enumerate(DRAWS):
        column = None if name in without else getattr(draws, name)
        call.draws[i] = None if column is None else column.data_ptr()
    entry = ctypes.CDLL(str(library)).sample
    entry.restype = ctypes.c_char_p
    said = entry(ctypes.byref(call)).decode()
    if said:
        raise RefusedError(said)
    return draws
