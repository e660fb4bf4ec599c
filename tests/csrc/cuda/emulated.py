"""The CUDA sampler's own source on an emulated chip, called with tensors of the host."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from bench.kernels.cuda_sampler import CudaSampler
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows


@dataclass(frozen=True)
class Chip:
    """What is emulated. major 9 has clusters; shared_bytes decides whether rows are kept there."""

    major: int = 9
    shared_bytes: int = 227 << 10
    dice: int = 1
    launches: int = 1


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
    top = min(top, vocab)
    ctypes.CDLL(str(library)).pretend(chip.major, chip.shared_bytes, chip.dice)
    draws = SampleDraws.empty(len(logits[0]), top, ranks, roles, logits[0].device)
    for field in fields(SampleDraws):
        held = getattr(draws, field.name)
        if held is not None:
            held.fill_(1 if held.dtype == torch.bool else 77)  # what was not written shows
    if {"top_ids", "top_logprobs"} <= without:
        draws = replace(draws, top_ids=None, top_logprobs=None)
    sampler = CudaSampler(library, vocab, len(logits[0]), top)
    for _ in range(chip.launches):
        sampler.launch(logits, rows, draws, without)
    return draws
