"""Folders with a config.json alone, and the weights that are drawn for them as a checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from proxyfuse.models.config import read_config
from proxyfuse.models.loading import load_weights
from proxyfuse.models.weights import places
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.quantised import Quantised
from tests.stored_fp8 import compressed, say, weights_of
from tests.tiny import make_trio


def bare(folder: Path) -> Path:
    """The folder without its weights."""
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    return folder


def bare_trio(folder: Path, family: str = "llama", **shapes: Any) -> Trio[Path]:
    """A tiny trio's folders without their weights."""
    return make_trio(folder, family, **shapes).map(bare)


def save_drawn(folder: Path, role: Role, to: Path, quantization: str | None = None) -> Path:
    """A copy of the folder that holds what is drawn for the role."""
    shutil.copytree(folder, to)
    config, state = read_config(folder), dict[str, Tensor]()
    weights = load_weights(folder, config, torch.float32, "cpu", quantization, seed=int(role))
    for name, place in places(weights, config):
        if isinstance(place, Quantised):
            state[name], state[f"{name}_scale"] = (
                place.values.clone(),
                place.scales[:, None].clone(),
            )
        else:
            state[name] = place.clone()
    save_file(state, to / "model.safetensors", metadata={"format": "pt"})
    if quantization is not None:
        say(to, compressed(weights_of("channel")))
    return to
