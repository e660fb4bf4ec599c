"""The published way: three Hugging Face models in turn over a static left-padded batch.

Re-implemented from the description in Liu et al. 2024 (arXiv 2401.08565), section 2: at every step
one forward of each model with its own KV cache, logits combined, next token appended to all three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedModel

from bench.peers.batches import in_batches
from bench.peers.peer import Setup, Text, Write, in_columns
from proxyfuse.trio import Role, Trio

Models = Trio[PreTrainedModel]


@contextmanager
def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """The loop over three models, or over the base alone."""
    models = load(folders, setup)
    yield in_batches(lambda *asked: generate(models, *asked), setup.sequences)


def load(folders: Trio[Path], setup: Setup) -> Models:
    """The models in evaluation mode; where there are no files, with weights of their own draw."""
    take = load_one if setup.load_format == "auto" else draw_one
    return folders.map(lambda at: take(at, setup.dtype, setup.device))


def load_one(folder: Path, dtype: str, device: str) -> PreTrainedModel:
    """One of them."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def draw_one(folder: Path, dtype: str, device: str) -> PreTrainedModel:
    """One of them of a config.json alone, initialised on the device and nowhere else."""
    config = AutoConfig.from_pretrained(folder)
    make: Any = AutoModelForCausalLM.from_config
    with torch.device(device):
        model = make(config, dtype=getattr(torch, dtype))
    drawn: PreTrainedModel = model.eval()
    return drawn


class Caught:
    """One model's padded batch: its cache, mask and next positions."""

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, prompts))
        self.model = model
        padded = [([0] * (longest - len(p)), list(p)) for p in prompts]
        self.ids = torch.tensor([pad + p for pad, p in padded], device=model.device)
        self.mask = torch.tensor([pad + [1] * len(p) for pad, p in padded], device=model.device)
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
        logits: Tensor = out.logits[:, -1].float()
        return logits

    def append(self, tokens: Tensor) -> None:
        """Take each row's next token."""
        self.ids = tokens[:, None]
        self.mask = torch.cat([self.mask, torch.ones_like(self.ids)], dim=-1)


@torch.inference_mode()
def generate(
    models: Models, prompts: Sequence[Sequence[int]], lengths: Sequence[int], alpha: float = 1.0
) -> list[Text]:
    """Greedy continuations of the given lengths; a static batch runs until its longest is done."""
    runs = {role: Caught(model, prompts) for role, model in models.items()}
    columns: list[list[int]] = []
    times: list[float] = []
    while len(columns) < max(lengths):
        fused = fuse({role: run.logits() for role, run in runs.items()}, alpha)
        tokens = fused.argmax(-1)
        columns.append(tokens.tolist())
        times.append(perf_counter())
        for run in runs.values():
            run.append(tokens)
    return in_columns(columns, times, lengths)


def fuse(logits: dict[Role, Tensor], alpha: float = 1.0) -> Tensor:  # [..., V]
    """base + alpha * (expert - antiexpert) of the ids that all have; the base where it is alone."""
    if len(logits) == 1:
        return logits[Role.BASE]
    vocab = min(rows.shape[-1] for rows in logits.values())
    base, expert, antiexpert = (logits[role][..., :vocab] for role in Role)
    return base + alpha * (expert - antiexpert)
