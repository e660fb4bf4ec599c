"""A decoder's weights: where they live, and which tensor of a checkpoint goes where."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from proxyfuse.models.config import ModelConfig
from proxyfuse_kernels.quantised import Quantised, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """One layer. H query heads, G key heads of size C; D model width; F feed-forward width."""

    input_norm: Tensor  # [D]
    qkv: Weight  # [(H + 2G) * C, D]
    qkv_bias: Tensor | None  # [(H + 2G) * C]
    q_norm: Tensor | None  # [C]
    k_norm: Tensor | None  # [C]
    output: Weight  # [D, H * C]
    output_bias: Tensor | None  # [D]
    mlp_norm: Tensor  # [D]
    gate_up: Weight  # [2F, D], gate first
    gate_up_bias: Tensor | None  # [2F]
    down: Weight  # [D, F]
    down_bias: Tensor | None  # [D]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A whole decoder on one device, all of one type but for products that are in 8 bits."""

    embedding: Tensor  # [V, D]
    layers: tuple[LayerWeights, ...]
    norm: Tensor  # [D]
    head: Tensor  # [V, D]; the embedding itself where the two are tied


def parameter_count(config: ModelConfig) -> int:
    """Numbers that a checkpoint of this configuration has, scales not among them."""
    meta = allocate_weights(config, torch.float32, "meta")
    return sum(math.prod(place.shape) for _, place in places(meta, config))


def lookup_bytes(config: ModelConfig, itemsize: int) -> int:
    """Bytes of an input embedding that is not the head too: a token reads one row of it."""
    return 0 if config.tied else config.vocab_size * config.hidden_size * itemsize


def allocate_weights(
    config: ModelConfig,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    narrow: Container[str] = (),
    groups: tuple[int, ...] = (),
) -> Weights:
    """Weights of a configuration's shapes, uninitialised.

    A product is `Quantised` where the checkpoint's name of its first part is in `narrow`. groups:
    a dimension that stands before all others, as many models lie side by side.
    """

    def empty(*shape: int, kind: torch.dtype = dtype) -> Tensor:
        return torch.empty((*groups, *shape), dtype=kind, device=device)

    def product(layer: int, first: str, outputs: int, inputs: int) -> Weight:
        if f"model.layers.{layer}.{first}.weight" not in narrow:
            return empty(outputs, inputs)
        values = empty(outputs, inputs, kind=torch.float8_e4m3fn)
        return Quantised(values, empty(outputs, kind=torch.float32))

    def bias(present: bool, size: int) -> Tensor | None:
        return empty(size) if present else None

    width, inner = config.hidden_size, config.intermediate_size
    layers = tuple(
        LayerWeights(
            input_norm=empty(width),
            qkv=product(i, "self_attn.q_proj", config.qkv_size, width),
            qkv_bias=bias(config.qkv_bias, config.qkv_size),
            q_norm=bias(config.qk_norm, config.head_dim),
            k_norm=bias(config.qk_norm, config.head_dim),
            output=product(i, "self_attn.o_proj", width, config.output_size),
            output_bias=bias(config.output_bias, width),
            mlp_norm=empty(width),
            gate_up=product(i, "mlp.gate_proj", 2 * inner, width),
            gate_up_bias=bias(config.mlp_bias, 2 * inner),
            down=product(i, "mlp.down_proj", width, inner),
            down_bias=bias(config.mlp_bias, width),
        )
        for i in range(config.num_layers)
    )
    embedding = empty(config.vocab_size, width)
    head = embedding if config.tied else empty(config.vocab_size, width)
    return Weights(embedding=embedding, layers=layers, norm=empty(width), head=head)


def member(weights: Weights, index: int) -> Weights:
    """One of the models that lie side by side: views."""

    def of(weight: Weight | None) -> Any:
        return None if weight is None else weight[index]

    layers = tuple(
        LayerWeights(**{field.name: of(getattr(layer, field.name)) for field in fields(layer)})
        for layer in weights.layers
    )
    embedding = of(weights.embedding)
    head = embedding if weights.head is weights.embedding else of(weights.head)
    return Weights(embedding=embedding, layers=layers, norm=of(weights.norm), head=head)


def places(weights: Weights, config: ModelConfig) -> Iterator[tuple[str, Weight]]:
    """Every tensor that a checkpoint must have, by name, and the view it is to be copied into."""
    yield "model.embed_tokens.weight", weights.embedding
    for index, layer in enumerate(weights.layers):
        for name, place in _layer_places(layer, config):
            if place is not None:
                yield f"model.layers.{index}.{name}", place
    yield "model.norm.weight", weights.norm
    if not config.tied:
        yield "lm_head.weight", weights.head


def _layer_places(layer: LayerWeights, config: ModelConfig) -> Iterator[tuple[str, Weight | None]]:
    keys = config.num_kv_heads * config.head_dim
    qkv = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    yield "input_layernorm.weight", layer.input_norm
    yield from _parts(qkv, "weight", layer.qkv, [config.output_size, keys, keys])
    yield from _parts(qkv, "bias", layer.qkv_bias, [config.output_size, keys, keys])
    yield "self_attn.q_norm.weight", layer.q_norm
    yield "self_attn.k_norm.weight", layer.k_norm
    yield "self_attn.o_proj.weight", layer.output
    yield "self_attn.o_proj.bias", layer.output_bias
    gate_up, inner = ("mlp.gate_proj", "mlp.up_proj"), config.intermediate_size
    yield "post_attention_layernorm.weight", layer.mlp_norm
    yield from _parts(gate_up, "weight", layer.gate_up, [inner, inner])
    yield from _parts(gate_up, "bias", layer.gate_up_bias, [inner, inner])
    yield "mlp.down_proj.weight", layer.down
    yield "mlp.down_proj.bias", layer.down_bias


def _parts(
    names: tuple[str, ...], kind: str, fused: Weight | None, sizes: list[int]
) -> Iterator[tuple[str, Weight]]:
    """The rows of a fused tensor that each of the checkpoint's tensors fills."""
    if fused is not None:
        for name, part in zip(names, fused.split(sizes), strict=True):
            yield f"{name}.{kind}", part
