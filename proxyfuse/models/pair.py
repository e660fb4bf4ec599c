"""Two models of one architecture whose weights lie side by side, so that they can run as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import torch

from proxyfuse.models.config import ModelConfig
from proxyfuse.models.loading import load_weights, narrow_products
from proxyfuse.models.weights import Weights, allocate_weights, member

OWN = ("architecture", "max_positions", "dtype", "scaling", "eos_token_ids")  # nothing is computed


def difference(folders: Sequence[Path], configs: Sequence[ModelConfig]) -> str | None:
    """What keeps two models from running as one, in words; None where nothing does."""
    one, other = configs
    for name in (field.name for field in fields(ModelConfig) if field.name not in OWN):
        got, beside = getattr(one, name), getattr(other, name)
        if got != beside:
            return f"{name}: {got!r:.80} and {beside!r:.80}"
    narrow = [narrow_products(*pair) for pair in zip(folders, configs, strict=True)]
    if narrow[0] != narrow[1]:
        return f"matrices in 8 bits: {len(narrow[0])} and {len(narrow[1])}, or others"
    return None


def load_pair(
    folders: Sequence[Path],
    configs: Sequence[ModelConfig],
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> Weights:
    """Weights of two models without a difference: each tensor [2, ...], streamed into its halves.

    Raises as `load_weights`.
    """
    narrow = narrow_products(folders[0], configs[0])
    weights = allocate_weights(configs[0], dtype, device, narrow, (len(folders),))
    for index, (folder, config) in enumerate(zip(folders, configs, strict=True)):
        load_weights(folder, config, dtype, device, into=member(weights, index))
    return weights
