"""The published way: three Hugging Face models in turn over a static left-padded batch.

Re-implemented from the description in Liu et al. 2024 (arXiv 2401.08565), section 2: at every step
one forward of each model with its own KV cache, logits combined, next token appended to all three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache, PreTrainedModel

from proxyfuse.trio import Role, Trio

Prompts = Sequence[Trio[Sequence[int]]]


def load(folders: Trio[Path], dtype: torch.dtype) -> Trio[PreTrainedModel]:
    """The models in evaluation mode, on the CPU."""
    return folders.map(lambda at: AutoModelForCausalLM.from_pretrained(at, dtype=dtype).eval())


class Caught:
    """One model's padded batch: its cache, mask and next positions."""

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, prompts))
        self.model = model
        self.ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts])
        self.mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        self.cache = DynamicCache()

    def logits(self) -> Tensor:  # [batch, V] float32
        """The next token's logits, having read the ids that are new."""
        positions = (self.mask.cumsum(-1) - 1).clamp_min(0)[:, -self.ids.shape[1] :]
        out = self.model(
            input_ids=self.ids,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            logits_to_keep=1,
        )
        return out.logits[:, -1].float()

    def append(self, tokens: Tensor) -> None:
        """Take each row's next token."""
        self.ids = tokens[:, None]
        self.mask = torch.cat([self.mask, torch.ones_like(self.ids)], dim=-1)


def greedy(row: Tensor) -> Tensor:
    """The likeliest token of each row."""
    return row.argmax(-1)


@torch.inference_mode()
def generate(
    models: Trio[PreTrainedModel],
    prompts: Prompts,
    lengths: Sequence[int],
    alpha: float = 1.0,
    pick: Callable[[Tensor], Tensor] = greedy,
) -> list[list[int]]:
    """Continuations of the given lengths; a static batch runs until its longest is done."""
    runs = {role: Caught(model, [p[role] for p in prompts]) for role, model in models.items()}
    columns = []
    for step in range(max(lengths)):
        fused = _fuse({role: run.logits() for role, run in runs.items()}, alpha)
        columns.append(pick(fused))
        if step + 1 < max(lengths):
            for run in runs.values():
                run.append(columns[-1])
    texts = torch.stack(columns, dim=1).tolist()
    return [text[:length] for text, length in zip(texts, lengths, strict=True)]


def _fuse(logits: dict[Role, Tensor], alpha: float) -> Tensor:
    if len(logits) == 1:
        return logits[Role.BASE]
    vocab = min(rows.shape[-1] for rows in logits.values())
    base, expert, antiexpert = (logits[role][:, :vocab] for role in Role)
    return base + alpha * (expert - antiexpert)
