"""The slowest honest loop: three Hugging Face models, everything recomputed each token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from proxyfuse.trio import Role, Trio

Models = Trio[PreTrainedModel]


def load(folders: Trio[Path], dtype: torch.dtype = torch.float32) -> Models:
    """Hugging Face's own models of a trio's folders."""
    return folders.map(lambda at: AutoModelForCausalLM.from_pretrained(at, dtype=dtype).eval())


@torch.inference_mode()
def fused_logits(
    models: Models, prompts: Trio[Sequence[int]], continuation: Sequence[int], alpha: float
) -> Tensor:  # [V] float32
    """Logits of the token after the continuation, by the definition."""
    rows = {
        role: model(torch.tensor([[*prompts[role], *continuation]])).logits[0, -1].float()
        for role, model in models.items()
    }
    vocab = min(len(row) for row in rows.values())
    base = rows[Role.BASE][:vocab]
    if len(rows) == 1:
        return base
    return base + alpha * (rows[Role.EXPERT][:vocab] - rows[Role.ANTIEXPERT][:vocab])


def greedy(
    models: Models, prompts: Trio[Sequence[int]], length: int, alpha: float, eos: int | None = None
) -> list[int]:
    """The likeliest token, again and again, up to `length` tokens or with `eos`."""
    written: list[int] = []
    while len(written) < length and (not written or written[-1] != eos):
        written.append(int(fused_logits(models, prompts, written, alpha).argmax()))
    return written
