"""A decoder's weights: where they live, and how a checkpoint's files are streamed into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from proxyfuse.errors import WeightsError
from proxyfuse.models.checkpoint import find_tensors
from proxyfuse.models.config import ModelConfig
from proxyfuse.models.pickled_file import Unpickled
from proxyfuse.models.quantising import quantise_to
from proxyfuse.models.safetensors_file import Stored
from proxyfuse_kernels.quantised import Quantised, Weight

SHOWN = 4  # names that a message lists before it only counts


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


def load_weights(
    folder: Path,
    config: ModelConfig,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    quantization: str | None = None,
) -> Weights:
    """The weights in a folder, converted while they are read into place.

    Needs the memory of the weights and a few small buffers. All headers are checked before
    anything is allocated. quantization: "fp8", or None for all in `dtype`. Raises `WeightsError`
    naming file and tensor for whatever is missing, left over, wrongly shaped, truncated or corrupt,
    and for a number that is not finite where it is to be quantised.
    """
    tensors = _checked(folder, config)
    weights = allocate_weights(config, dtype, device, quantization)
    for name, place in places(weights, config):
        if isinstance(place, Quantised):
            quantise_to(tensors[name], place)
        else:
            tensors[name].copy_to(place)
    return weights


def weights_bytes(
    folder: Path, config: ModelConfig, dtype: torch.dtype, quantization: str | None = None
) -> int:
    """Bytes that `load_weights` will hold, from the files' headers alone; raises as it does."""
    _checked(folder, config)
    weights = allocate_weights(config, dtype, "meta", quantization)
    return sum(place.nbytes for _, place in places(weights, config))


def lookup_bytes(config: ModelConfig, itemsize: int) -> int:
    """Bytes of an input embedding that is not the head too: a token reads one row of it."""
    return 0 if config.tied else config.vocab_size * config.hidden_size * itemsize


def allocate_weights(
    config: ModelConfig,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    quantization: str | None = None,
) -> Weights:
    """Weights of a configuration's shapes, uninitialised."""

    def empty(*shape: int, kind: torch.dtype = dtype) -> Tensor:
        return torch.empty(shape, dtype=kind, device=device)

    def product(outputs: int, inputs: int) -> Weight:
        if quantization is None:
            return empty(outputs, inputs)
        values = empty(outputs, inputs, kind=torch.float8_e4m3fn)
        return Quantised(values, empty(outputs, kind=torch.float32))

    def bias(present: bool, size: int) -> Tensor | None:
        return empty(size) if present else None

    width, inner = config.hidden_size, config.intermediate_size
    layers = tuple(
        LayerWeights(
            input_norm=empty(width),
            qkv=product(config.qkv_size, width),
            qkv_bias=bias(config.qkv_bias, config.qkv_size),
            q_norm=bias(config.qk_norm, config.head_dim),
            k_norm=bias(config.qk_norm, config.head_dim),
            output=product(width, config.output_size),
            output_bias=bias(config.output_bias, width),
            mlp_norm=empty(width),
            gate_up=product(2 * inner, width),
            gate_up_bias=bias(config.mlp_bias, 2 * inner),
            down=product(width, inner),
            down_bias=bias(config.mlp_bias, width),
        )
        for _ in range(config.num_layers)
    )
    embedding = empty(config.vocab_size, width)
    head = embedding if config.tied else empty(config.vocab_size, width)
    return Weights(embedding=embedding, layers=layers, norm=empty(width), head=head)


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


def _checked(folder: Path, config: ModelConfig) -> dict[str, Stored | Unpickled]:
    """The checkpoint's tensors, when they are exactly those that the configuration needs."""
    meta = allocate_weights(config, torch.float32, "meta")
    wanted = {name: tuple(place.shape) for name, place in places(meta, config)}
    found = find_tensors(folder)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise WeightsError(f"{folder}: missing {_shown(missing)}")
    extra = [
        stored
        for name, stored in found.items()
        if name not in wanted and not _harmless(name, stored.shape, config)
    ]
    if extra:
        names = _shown([stored.name for stored in extra])
        raise WeightsError(f"{extra[0].file}: {config.architecture} has no place for {names}")
    for name, shape in wanted.items():
        stored = found[name]
        if stored.shape != shape:
            raise WeightsError(f"{stored.file}: {name}: got shape {stored.shape}, want {shape}")
    return {name: found[name] for name in wanted}


def _harmless(name: str, shape: tuple[int, ...], config: ModelConfig) -> bool:
    """Frequencies that old versions stored, and a copy of a head that is tied."""
    copy = name == "lm_head.weight" and shape == (config.vocab_size, config.hidden_size)
    return name.endswith(".rotary_emb.inv_freq") or (copy and config.tied)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
