"""How a checkpoint's files are checked against a configuration, and streamed into place."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

import torch

from proxyfuse.errors import WeightsError
from proxyfuse.models.checkpoint import find_tensors
from proxyfuse.models.config import ModelConfig
from proxyfuse.models.dummy import draw, drawn_narrow
from proxyfuse.models.fp8_file import E4M3, check_scale, copy_fp8, scale_of
from proxyfuse.models.pickled_file import Unpickled
from proxyfuse.models.quantising import quantise_to
from proxyfuse.models.safetensors_file import Stored
from proxyfuse.models.weights import Weights, allocate_weights, places
from proxyfuse_kernels.quantised import Quantised

SHOWN = 4  # names that a message lists before it only counts
UNUSED = (".input_scale", ".output_scale", ".q_scale", ".k_scale", ".v_scale")  # not of weights

Tensors = dict[str, Stored | Unpickled]


def load_weights(
    folder: Path,
    config: ModelConfig,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    quantization: str | None = None,
    into: Weights | None = None,
    seed: int | None = None,
) -> Weights:
    """The weights in a folder, converted while they are read into place.

    Needs the memory of the weights and a few small buffers. All headers are checked before
    anything is allocated. quantization: "fp8", or None for all in `dtype`; a checkpoint that is in
    fp8 stays as it is stored, whatever this says. into: where they go, if there is room already.
    seed: they are drawn from it, and no file but config.json is read; None for what is stored.
    Raises `WeightsError` naming file and tensor for whatever is missing, left over, wrongly shaped,
    truncated or corrupt, and in 8 bits for a weight that is not finite and a scale that is none.
    """
    if seed is not None:
        narrow = drawn_narrow(config, quantization)
        return draw(into or allocate_weights(config, dtype, device, narrow), folder, config, seed)
    tensors = _checked(folder, config)
    narrow = _narrow(tensors, config, quantization)
    weights = into or allocate_weights(config, dtype, device, narrow)
    for name, place in places(weights, config):
        stored = tensors[name]
        if not isinstance(place, Quantised):
            stored.copy_to(place)
        elif stored.dtype == E4M3:
            copy_fp8(stored, tensors[scale_of(name)], place)
        else:
            quantise_to(stored, place)
    return weights


def weights_bytes(
    folder: Path,
    config: ModelConfig,
    dtype: torch.dtype,
    quantization: str | None = None,
    seed: int | None = None,
) -> int:
    """Bytes that `load_weights` will hold, from the files' headers alone; raises as it does."""
    narrow = narrow_products(folder, config, quantization, seed)
    weights = allocate_weights(config, dtype, "meta", narrow)
    return sum(place.nbytes for _, place in places(weights, config))


def narrow_products(
    folder: Path, config: ModelConfig, quantization: str | None = None, seed: int | None = None
) -> frozenset[str]:
    """Names of the matrices that `load_weights` will have in 8 bits; raises as it does."""
    if seed is not None:
        return drawn_narrow(config, quantization)
    return _narrow(_checked(folder, config), config, quantization)


def _narrow(tensors: Tensors, config: ModelConfig, quantization: str | None) -> frozenset[str]:
    """Names of matrices that are to be in 8 bits, if they are products."""
    asked = quantization is not None and not config.scaling
    return frozenset(name for name, one in tensors.items() if asked or one.dtype == E4M3)


def _checked(folder: Path, config: ModelConfig) -> Tensors:
    """The checkpoint's tensors, when they are exactly those that the configuration needs."""
    found = find_tensors(folder)
    meta = allocate_weights(config, torch.float32, "meta", _narrow(found, config, None))
    wanted = dict(places(meta, config))
    _require(wanted, found, folder)
    for name, place in wanted.items():
        _check_type(found[name], isinstance(place, Quantised), config)
    scaled = {scale_of(name): len(p) for name, p in wanted.items() if isinstance(p, Quantised)}
    _require(scaled, found, folder)
    if config.scaling and not scaled:
        got = f"got none in {E4M3}, but config.json's quantization_config says that they are"
        raise WeightsError(f"{folder}: matrices of layers: {got}")
    _refuse_others(wanted.keys() | scaled.keys(), found, config)
    for name, place in wanted.items():
        stored, shape = found[name], tuple(place.shape)
        if stored.shape != shape:
            raise WeightsError(f"{stored.file}: {name}: got shape {stored.shape}, want {shape}")
    for name, outputs in scaled.items():
        check_scale(found[name], outputs, config.scaling)
    return {name: found[name] for name in (*wanted, *scaled)}


def _require(names: Iterable[str], found: Tensors, folder: Path) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        raise WeightsError(f"{folder}: missing {_shown(missing)}")


def _refuse_others(names: Container[str], found: Tensors, config: ModelConfig) -> None:
    extra = [
        stored
        for name, stored in found.items()
        if name not in names and not _harmless(name, stored.shape, config)
    ]
    if extra:
        shown = _shown([stored.name for stored in extra])
        raise WeightsError(f"{extra[0].file}: {config.architecture} has no place for {shown}")


def _check_type(stored: Stored | Unpickled, narrow: bool, config: ModelConfig) -> None:
    """Raise where fp8 is not where kernels take it, or not what the configuration speaks of."""
    if narrow and not config.scaling:
        got = f"got {E4M3}, but config.json has no quantization_config that says so"
        raise WeightsError(f"{stored.file}: {stored.name}: {got}")
    if (stored.dtype == E4M3) != narrow:
        wanted = f"{E4M3}" if narrow else "float32 or 16 bits"
        more = "; q, k and v are one product, gate and up another" * ("_proj." in stored.name)
        got = f"got {stored.dtype}, want {wanted}{more}"
        raise WeightsError(f"{stored.file}: {stored.name}: {got}")


def _harmless(name: str, shape: tuple[int, ...], config: ModelConfig) -> bool:
    """What is not read.

    Frequencies that old versions stored, a copy of a head that is tied, and beside weights in fp8
    the scales of what stays in the engine's type here: activations, keys and values.
    """
    copy = name == "lm_head.weight" and shape == (config.vocab_size, config.hidden_size)
    beside = bool(config.scaling) and name.endswith(UNUSED)
    return name.endswith(".rotary_emb.inv_freq") or beside or (copy and config.tied)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
