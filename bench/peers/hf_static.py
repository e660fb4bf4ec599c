"""Hugging Face with a static cache and torch.compile: for GPUs, where a step is then one graph.

Tested on a CPU are its eager half, and that torch traces a step as one graph; what a GPU makes of
that graph has not been run, and no figure rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, StaticCache

from bench.peers.batches import in_batches
from bench.peers.hf_loop import fuse, load
from bench.peers.peer import Setup, Text, Write, in_columns
from proxyfuse.trio import Trio

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step as one graph of fixed shapes, replayed as one launch; raises where it is not one."""
    return torch.compile(step, mode="reduce-overhead", dynamic=False, fullgraph=True)


class Fixed:
    """One model's padded batch of one size, in buffers whose shapes never change."""

    def __init__(self, model: PreTrainedModel, rows: int, tokens: int, compile: Compile) -> None:
        self._model = model
        self._step = compile(model.forward)
        self._cache = StaticCache(model.config, max_cache_len=tokens)
        self._mask = torch.zeros(rows, tokens, dtype=torch.long, device=model.device)
        self._at = 0

    def begin(self, prompts: Sequence[Sequence[int]]) -> Tensor:  # [S, V] float32
        """Logits after each prompt."""
        self._cache.reset()  # type: ignore[no-untyped-call]
        self._mask.zero_()
        self._at = longest = max(map(len, prompts))
        for row, prompt in enumerate(prompts):
            self._mask[row, longest - len(prompt) : longest] = 1
        ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts])
        positions = (self._mask[:, :longest].cumsum(-1) - 1).clamp_min(0)
        return self._logits(self._model.forward, ids.to(self._mask.device), positions)

    def step(self, tokens: Tensor) -> Tensor:  # [S, V] float32
        """Logits after one more token of each row."""
        self._mask[:, self._at] = 1
        self._at += 1
        return self._logits(self._step, tokens[:, None], self._mask.sum(-1, keepdim=True) - 1)

    def _logits(self, forward: Callable[..., Any], ids: Tensor, positions: Tensor) -> Tensor:
        out = forward(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            logits_to_keep=1,
        )
        # a copy: what a graph returns is gone once another model's graph runs
        logits: Tensor = out.logits[:, -1].to(torch.float32, copy=True)
        return logits


@contextmanager
def opened(folders: Trio[Path], setup: Setup, compile: Compile = compiled) -> Iterator[Write]:
    """The loop over three models, or over the base alone, each step one compiled call a model.

    All that was compiled before is forgotten: models of one class share one function, and after
    eight shapes and types of it torch would run the next one uncompiled without a word.
    """
    torch.compiler.reset()
    models = load(folders, setup)
    sizes: dict[int, Trio[Fixed]] = {}

    def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
        rows = len(prompts)
        if rows not in sizes:
            sizes[rows] = models.map(lambda model: Fixed(model, rows, setup.tokens, compile))
        return generate(sizes[rows], prompts, lengths)

    yield in_batches(write, setup.sequences)


@torch.inference_mode()
def generate(
    runs: Trio[Fixed], prompts: Sequence[Sequence[int]], lengths: Sequence[int]
) -> list[Text]:
    """Greedy continuations of the given lengths; a static batch runs until its longest is done."""
    tokens = fuse({role: run.begin(prompts) for role, run in runs.items()}).argmax(-1)
    columns, times = [tokens.tolist()], [perf_counter()]
    while len(columns) < max(lengths):
        tokens = fuse({role: run.step(tokens) for role, run in runs.items()}).argmax(-1)
        columns.append(tokens.tolist())
        times.append(perf_counter())
    return in_columns(columns, times, lengths)
