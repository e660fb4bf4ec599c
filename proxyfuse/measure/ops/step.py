"""The operations of one decoding step of real models, each once, and how often the step runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from proxyfuse.measure.ops import (
    embed,
    linear,
    linear_fp8,
    paged_attention,
    proxy_sample,
    rms_norm,
    rope_append,
    select,
    silu_mul,
)
from proxyfuse.measure.ops.case import Case, Place
from proxyfuse.models.config import ModelConfig
from proxyfuse.trio import Role


@dataclass(frozen=True)
class Part:
    """One operation at one size."""

    what: str  # it does in the model
    case: Case
    times: dict[Role, int]  # a step; none for the sampler, which is no role's

    @property
    def count(self) -> int:
        """How often a step runs it."""
        return sum(self.times.values()) or 1


def step_parts(
    place: Place,
    models: Mapping[Role, ModelConfig],
    batch: int,
    context: int,
    dtype: torch.dtype,
    base_quantization: str | None = None,
) -> list[Part]:
    """A step of `batch` sequences, each `context` tokens long; what two models share stands once.

    Where the base runs alone there is no `proxy_sample` of three rows, and none is listed.
    """
    parts: dict[tuple[object, ...], Part] = {}
    for role, config in models.items():
        asked = role is Role.BASE and base_quantization is not None
        narrow = asked or bool(config.scaling)
        for what, times, case in _forward(place, config, batch, context, dtype, narrow):
            part = parts.setdefault((what, *case.family), Part(what, case, {}))
            part.times[role] = times
    if len(models) > 1:
        vocab = min(config.vocab_size for config in models.values())
        parts["sampler",] = Part("sampler", proxy_sample.case(place, batch, vocab), {})
    return list(parts.values())


def _forward(
    place: Place, config: ModelConfig, batch: int, context: int, dtype: torch.dtype, narrow: bool
) -> Iterator[tuple[str, int, Case]]:
    """What each operation is for, how often it runs, and itself."""
    width, layers, inner = config.hidden_size, config.num_layers, config.intermediate_size
    heads = (config.num_heads, config.num_kv_heads, config.head_dim)

    def product(inputs: int, outputs: int) -> Case:
        if narrow:
            return linear_fp8.case(place, batch, inputs, outputs, dtype)
        return linear.case(place, batch, inputs, outputs, dtype)

    yield "embedding", 1, embed.case(place, batch, config.vocab_size, width, dtype)
    yield "norms", 2 * layers + 1, rms_norm.case(place, batch, width, dtype)
    yield "qkv", layers, product(width, config.qkv_size)
    yield "rope, append", layers, rope_append.case(place, batch, *heads, dtype)
    yield "attention", layers, paged_attention.case(place, batch, context, *heads, dtype)
    yield "output", layers, product(config.output_size, width)
    yield "gate, up", layers, product(width, 2 * inner)
    yield "gating", layers, silu_mul.case(place, batch, inner, dtype)
    yield "down", layers, product(inner, width)
    yield "sampled rows", 1, select.case(place, batch, width)
    yield "head", 1, linear.case(place, batch, width, config.vocab_size, dtype, head=True)
