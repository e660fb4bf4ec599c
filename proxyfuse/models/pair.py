"""Two models of one architecture whose weights lie side by side, so that they can run as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import torch

from proxyfuse.models.config import ModelConfig
from proxyfuse.models.loading import load_weights, narrow_products
from proxyfuse.models.weights import Weights, allocate_weights, member

Seeds = Sequence[int | None]  # of each model, as `load_weights` takes it
FILES: Seeds = (None, None)
OWN = ("architecture", "max_positions", "dtype", "scaling", "eos_token_ids")  # nothing is computed


def difference(
    folders: Sequence[Path], configs: Sequence[ModelConfig], seeds: Seeds = FILES
) -> str | None:
    """What keeps two models from running as one, in words; None where nothing does."""
    one, other = configs
    for name in (field.name for field in fields(ModelConfig) if field.name not in OWN):
        got, beside = getattr(one, name), getattr(other, name)
        if got != beside:
            return f"{name}: {got!r:.80} and {beside!r:.80}"
    narrow = [
        narrow_products(folder, config, seed=seed)
        for folder, config, seed in zip(folders, configs, seeds, strict=True)
    ]
    if narrow[0] != narrow[1]:
        return f"matrices in 8 bits: {len(narrow[0])} and {len(narrow[1])}, or others"
    return None


def load_pair(
    folders: Sequence[Path],
    configs: Sequence[ModelConfig],
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    seeds: Seeds = FILES,
) -> Weights:
    """Weights of two models without a difference: each tensor [2, ...], streamed into its halves.

    Raises as `load_weights`.
    """
    narrow = narrow_products(folders[0], configs[0], seed=seeds[0])
    weights = allocate_weights(configs[0], dtype, device, narrow, (len(folders),))
    for index, (folder, config, seed) in enumerate(zip(folders, configs, seeds, strict=True)):
        load_weights(folder, config, dtype, device, into=member(weights, index), seed=seed)
    return weights
