"""Who computes `fused_head_sample`: one launch for all of it, or heads and sampler apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from proxyfuse.measure.ops.case import Buffers, Implementation, Place, Run, compiled
from proxyfuse.trio import Role
from proxyfuse_kernels import gpu
from proxyfuse_kernels.cpu import CpuOps, Tape
from proxyfuse_kernels.fused_head_sample.reference import fused_head_sample
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler, SampleRows

ROLES = [role.label for role in Role]
DRAWN = ("tokens", "logprobs", "logsumexp", "finite")  # fields of `SampleDraws`, each a buffer
Ask = Callable[[], SampleRows]


def versions(place: Place, vocab: int, ask: Ask) -> dict[str, Implementation]:
    """All that this machine has, ours first; apart: heads and sampler one after the other."""
    found: dict[str, Implementation] = {}
    if place.team is not None:
        found |= {
            f"compiled {isa}, apart": _taped(isa, place.team, vocab, ask) for isa in place.isas
        }
    if place.device.type == "cuda" and gpu.available():
        found["triton"] = _fused(place.device, vocab, ask)
        found["triton, apart"] = _apart(place.device, vocab, ask)
    found["reference"] = _reference(vocab, ask)
    found["torch"] = _torch()
    if place.device.type == "cuda":
        found["torch, compiled"] = _torch(compiled)
    return found


def _taped(isa: str, team: Any, vocab: int, ask: Ask) -> Implementation:
    """The compiled kernels apart, on one tape as in the engine."""

    def prepare(buffers: Buffers) -> Run:
        tape = Tape(isa)
        _heads(CpuOps(tape), buffers)
        sampler = Sampler(vocab, team, isa)
        sampler.record(tape, three(buffers, "logits"), ask(), 0, _draws(buffers))
        return lambda: tape.run(team)

    return prepare


def _fused(device: torch.device, vocab: int, ask: Ask) -> Implementation:
    """One launch: what it writes to is there before it is called."""

    def prepare(buffers: Buffers) -> Run:
        hidden, heads = three(buffers, "hidden"), three(buffers, "head")
        rows, draws = ask(), _draws(buffers)
        sampler = gpu.gpu_head_sampler(vocab, len(hidden[0]), device)

        def run() -> None:
            sampler(hidden, heads, rows, draws)

        return run

    return prepare


def _apart(device: torch.device, vocab: int, ask: Ask) -> Implementation:
    """The engine's own products, and its sampler without the launch that only filters need."""

    def prepare(buffers: Buffers) -> Run:
        ops, logits, rows, draws = gpu.gpu_ops(), three(buffers, "logits"), ask(), _draws(buffers)
        sampler = gpu.gpu_sampler(vocab, len(logits[0]), device)

        def run() -> None:
            _heads(ops, buffers)
            sampler(logits, rows, filters=False, out=draws)

        return run

    return prepare


def _reference(vocab: int, ask: Ask) -> Implementation:
    def prepare(buffers: Buffers) -> Run:
        hidden, heads = three(buffers, "hidden"), three(buffers, "head")
        rows, draws = ask(), _draws(buffers)
        return lambda: draws.take(fused_head_sample(hidden, heads, rows, vocab=vocab))

    return prepare


def _torch(wrap: Callable[[Any], Any] = lambda draw: draw) -> Implementation:
    """Products that may round to the narrower type, softmax, and a draw from the probabilities."""

    def draw(hidden: list[Tensor], heads: list[Tensor]) -> Tensor:
        base, expert, antiexpert = map(F.linear, hidden, heads)
        probs = (base.float() + (expert.float() - antiexpert.float())).softmax(dim=-1)
        return torch.multinomial(probs, 1).squeeze(1)

    wrapped = wrap(draw)
    return lambda buffers: partial(wrapped, three(buffers, "hidden"), three(buffers, "head"))


def three(buffers: Buffers, what: str) -> list[Tensor]:
    return [buffers[f"{role} {what}"] for role in ROLES]


def _draws(buffers: Buffers) -> SampleDraws:
    return SampleDraws(**{name: buffers[name] for name in DRAWN})


def _heads(ops: Ops, buffers: Buffers) -> None:
    """The three products by themselves."""
    sides = zip(*(three(buffers, what) for what in ("hidden", "head", "logits")), strict=True)
    for hidden, head, logits in sides:
        ops.linear(hidden, head, None, logits)
