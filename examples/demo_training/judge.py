"""The models as one thing that turns tokens into logits, alone or fused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from transformers import DynamicCache, LlamaForCausalLM

ROLES = ("base", "expert", "antiexpert", "tuned")
Weights = Mapping[str, float]  # what each model's logits are multiplied by


def alone(name: str) -> Weights:
    return {name: 1.0}


def fused(alpha: float) -> Weights:
    """base + alpha * (expert - antiexpert)."""
    return {"base": 1.0, "expert": alpha, "antiexpert": -alpha}


def load(folder: Path) -> dict[str, LlamaForCausalLM]:
    """The shipped models: bf16 weights, float32 arithmetic."""
    return {name: LlamaForCausalLM.from_pretrained(folder / name, dtype=torch.float32).eval()
            for name in ROLES}  # fmt: skip


def combine(logits: Mapping[str, Tensor], weights: Weights) -> Tensor:
    total: Tensor = torch.stack([w * logits[name] for name, w in weights.items()]).sum(0)
    return total


@torch.inference_mode()
def all_logits(models: Mapping[str, LlamaForCausalLM], tokens: Tensor) -> dict[str, Tensor]:
    return {name: model(input_ids=tokens, use_cache=False).logits for name, model in models.items()}


@torch.inference_mode()
def continue_texts(
    models: Mapping[str, LlamaForCausalLM],
    weights: Weights,
    prompts: Tensor,
    length: int,
    *,
    temperature: float = 0.0,
    draws: int = 1,
) -> tuple[Tensor, Tensor]:
    """Tokens [S, length], and whether the expert draws the same with the same noise [N, S, length].

    Of the `draws` at each position the first is written. Without a temperature there is no noise.
    """
    caches = {name: DynamicCache() for name in weights}
    random = torch.Generator().manual_seed(0)
    tokens, agreed, step = [], [], prompts
    for _ in range(length):
        logits = {
            name: models[name](input_ids=step, past_key_values=caches[name]).logits[:, -1]
            for name in weights
        }
        fused = combine(logits, weights)
        noise = temperature * _gumbel((draws, *fused.shape), random)
        drawn = (fused + noise).argmax(-1)
        agreed.append(drawn == (logits.get("expert", fused) + noise).argmax(-1))
        step = drawn[0, :, None]
        tokens.append(step)
    return torch.cat(tokens, 1), torch.stack(agreed, -1)


def _gumbel(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return -torch.empty(shape).exponential_(generator=random).log()
