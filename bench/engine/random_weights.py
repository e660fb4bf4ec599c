"""Model folders of random weights in bfloat16: any size, no download, the same ones every time.

Or of a config.json alone, for who draws such weights where they are wanted.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CLASSES

LOUDNESS = 0.05  # the standard deviation of a random weight
INDEX = "model.safetensors.index.json"


def write_random(config: PreTrainedConfig, folder: Path, seed: int, head: float = 1.0) -> None:
    """Write a folder, its head `head` times as loud as its other weights.

    One file a layer and one for the rest, so that no model is ever whole in memory; drawn on a GPU
    where there is one, so the same on machines of one kind only.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(device).manual_seed(seed)
    loud = "model.embed_tokens.weight" if config.tie_word_embeddings else "lm_head.weight"
    files: dict[str, dict[str, Tensor]] = {}
    for name, weight in model.named_parameters():
        files.setdefault(_file(name), {})[name] = weight
    folder.mkdir(parents=True, exist_ok=True)
    for file, weights in files.items():
        drawn = {name: _draw(weight, generator) for name, weight in weights.items()}
        if loud in drawn:
            drawn[loud] *= head
        save_file({name: it.cpu() for name, it in drawn.items()}, folder / file, {"format": "pt"})
    index = {name: file for file, weights in files.items() for name in weights}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": index}))
    write_config(config, folder)


def write_config(config: PreTrainedConfig, folder: Path, loud: float = 1.0) -> None:
    """Write config.json alone; who draws weights for it makes them `loud` times as loud."""
    config.architectures = [CLASSES[config.model_type]]
    config.initializer_range = loud * LOUDNESS
    config.save_pretrained(folder)


def _file(name: str) -> str:
    parts = name.split(".")
    layer = f"layer-{parts[2]}" if parts[1] == "layers" else "rest"
    return f"{layer}.safetensors"


def _draw(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Norms are one, as after initialisation; everything else is normal."""
    if weight.dim() == 1:
        return torch.ones(weight.shape, dtype=torch.bfloat16, device=generator.device)
    drawn = torch.empty(weight.shape, dtype=torch.bfloat16, device=generator.device)
    return drawn.normal_(std=LOUDNESS, generator=generator)
