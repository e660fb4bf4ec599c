"""Checkpoints in fp8, written by hand as the tools of the field write them.

What such a checkpoint means is defined here and nowhere else: a weight is its e4m3 times its scale.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

State = dict[str, Tensor]
PRODUCTS = "_proj.weight"
IGNORE = ["lm_head"]
AUTOFP8 = {"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": IGNORE}


def weights_of(strategy: str, **changes: Any) -> dict[str, Any]:
    """What a group says of its weights."""
    same = {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": False}
    rest = {"actorder": None, "block_structure": None, "group_size": None, "observer": "minmax"}
    return {**rest, **same, "strategy": strategy, **changes}


def compressed(*groups: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A quantization_config of compressed-tensors with groups of these weights."""
    tokens = {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True}
    listed = {
        f"group_{i}": {"targets": ["Linear"], "weights": weights, "input_activations": tokens}
        for i, weights in enumerate(groups)
    }
    own = {"config_groups": listed, "format": "float-quantized", "ignore": IGNORE}
    rest = {"kv_cache_scheme": None, "quantization_status": "compressed", "sparsity_config": {}}
    return {"quant_method": "compressed-tensors", **own, **rest, **changes}


def store(
    folder: Path,
    strategy: str = "channel",
    *,
    wide: Collection[str] = (),
    scales: torch.dtype = torch.bfloat16,
    said: dict[str, Any] | None = None,
) -> State:
    """Rewrite the checkpoint of a folder in fp8, but for the matrices named in `wide`.

    said: its quantization_config, if not one of compressed-tensors. Returns what it stands for.
    """
    stored: State = {}
    meant: State = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if name in wide or not name.endswith(PRODUCTS):
            stored[name] = meant[name] = weight.clone()
            continue
        exact = weight.float()
        largest = exact.abs().amax(1, keepdim=True) if strategy == "channel" else exact.abs().max()
        scale = (largest.reshape(-1, 1) if strategy == "channel" else largest[None]) / 448
        stored[f"{name}_scale"] = scale.to(scales)
        rounded = scale.to(scales).float()
        stored[name] = (exact / rounded).clamp(-448, 448).to(torch.float8_e4m3fn)
        meant[name] = stored[name].float() * rounded
    save_file(stored, folder / "model.safetensors")
    say(folder, said or compressed(weights_of(strategy)))
    return meant


def say(folder: Path, said: dict[str, Any]) -> None:
    """Put a quantization_config into a folder's config.json."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"quantization_config": said}))


def meaning(folder: Path, meant: State, to: Path) -> Path:
    """A folder with the same model in float32, as one that knows nothing of fp8 reads it."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    del config["quantization_config"]
    (to / "config.json").write_text(json.dumps(config))
    wide = {name: tensor.float().contiguous() for name, tensor in meant.items()}
    save_file(wide, to / "model.safetensors", metadata={"format": "pt"})
    return to
