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
def continue_greedily(
    models: Mapping[str, LlamaForCausalLM], weights: Weights, prompts: Tensor, length: int
) -> tuple[Tensor, Tensor]:
    """Greedy tokens, and whether each is the expert's argmax too."""  # both [S, length]
    caches = {name: DynamicCache() for name in weights}
    tokens, drafts, step = [], [], prompts
    for _ in range(length):
        logits = {
            name: models[name](input_ids=step, past_key_values=caches[name]).logits[:, -1]
            for name in weights
        }
        step = combine(logits, weights).argmax(-1, keepdim=True)
        tokens.append(step)
        drafts.append(logits.get("expert", combine(logits, weights)).argmax(-1, keepdim=True))
    written = torch.cat(tokens, 1)
    return written, written == torch.cat(drafts, 1)
