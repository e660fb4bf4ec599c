"""One stage of training: a model, a mix of text, a number of steps; resumable at any checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from .data import CONTEXT, Streams, batch
from .grow import grow
from .losses import Loss, distilled, on_text, steered
from .muon import Muon
from .shapes import config_of, proxy_config

_MICRO = 16  # windows per pass: more of them fall out of the cache


@dataclass(frozen=True)
class Stage:
    """What one model is trained on, from which weights, for how long."""

    name: str
    mix: Mapping[str, float]
    steps: int
    seed: int
    start: str | None = None  # the stage whose weights it continues from
    teacher: str | None = None  # the stage whose opinion it learns instead of the text
    steered: str | None = None  # the expert beside which it will stand as antiexpert
    rows: int = 32  # windows per step
    matrix_lr: float = 0.02
    vector_lr: float = 3e-3
    warm_up: int = 30  # steps
    # Share of the steps after a plateau, on which the number of steps can still be decided.
    cool_down: float | None = None

    @property
    def tokens(self) -> int:
        return self.steps * self.rows * CONTEXT


def learning_rate(step: int, stage: Stage) -> float:
    """Share of the peak rate: a warm-up, then a cosine, or a plateau and a line to zero."""
    warm = min(1.0, (step + 1) / stage.warm_up)
    if stage.cool_down is None:
        return warm * 0.5 * (1 + math.cos(math.pi * step / stage.steps))
    return warm * min(1.0, (stage.steps - step) / (stage.cool_down * stage.steps))


def train(stage: Stage, streams: Streams, out: Path) -> LlamaForCausalLM:
    """The trained model in float32; continues from `out`/NAME.pt where that exists."""
    torch.manual_seed(stage.seed)
    config = config_of(stage.name)
    model = _model(config)
    if stage.start:
        model.load_state_dict(_starting_weights(stage.start, config, out))
    optimizers = _optimizers(model, stage)
    path, done, seconds = out / f"{stage.name}.pt", 0, 0.0
    if path.exists():
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        done, seconds = saved["step"], saved["seconds"]
    loss_of = _loss(stage, model, out)
    for step in range(done, stage.steps):
        began = time.monotonic()
        loss = _step(loss_of, optimizers, stage, streams, step)
        seconds += time.monotonic() - began
        if step % 20 == 0 or step == stage.steps - 1:
            rate = stage.rows * CONTEXT * (step + 1) / seconds
            print(
                f"{stage.name} {step} loss {loss:.3f} {rate:.0f} tokens/s {seconds:.0f} s",
                flush=True,
            )
        if (step + 1) % 100 == 0 or step == stage.steps - 1:
            _save(path, model, optimizers, step + 1, seconds)
    return model


def _starting_weights(start: str, config: LlamaConfig, out: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(out / f"{start}.pt")["model"]
    if state["model.embed_tokens.weight"].shape[1] == config.hidden_size:
        return state
    return grow(state, proxy_config(), config)


def _model(config: LlamaConfig) -> LlamaForCausalLM:
    # Eager attention compiles to bf16 products; the fused CPU kernel's backward is far slower.
    config._attn_implementation = "eager"
    return LlamaForCausalLM(config).float()


def _trained(name: str, out: Path) -> LlamaForCausalLM:
    model = _model(config_of(name))
    model.load_state_dict(torch.load(out / f"{name}.pt")["model"])
    return model


def _loss(stage: Stage, model: nn.Module, out: Path) -> Loss:
    if stage.teacher and stage.steered:
        expert = _trained(stage.steered, out)
        return steered(model, _trained(stage.teacher, out), expert)
    if stage.teacher:
        return distilled(model, _trained(stage.teacher, out))
    return on_text(model)


def _optimizers(model: nn.Module, stage: Stage) -> list[torch.optim.Optimizer]:
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    adam = torch.optim.AdamW(rest, lr=stage.vector_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [Muon(inner, lr=stage.matrix_lr), adam]


def _step(loss_of, optimizers, stage: Stage, streams: Streams, step: int) -> float:  # type: ignore[no-untyped-def]
    share = learning_rate(step, stage)
    for optimizer, peak in zip(optimizers, (stage.matrix_lr, stage.vector_lr), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = peak * share
    windows = batch(streams, stage.mix, stage.rows, stage.seed, step).split(_MICRO)
    total = 0.0
    for micro in windows:
        loss = loss_of(micro) / len(windows)
        loss.backward()
        total += float(loss.detach())
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return total


def _save(path: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer], step: int,
          seconds: float) -> None:  # fmt: skip
    states = [optimizer.state_dict() for optimizer in optimizers]
    saved = {"model": model.state_dict(), "optimizers": states, "step": step, "seconds": seconds}
    torch.save(saved, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)
