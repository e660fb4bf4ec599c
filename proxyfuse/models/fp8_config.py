"""What config.json says of weights that are stored in fp8; any other quantisation is refused."""

from __future__ import annotations

from typing import Any

from proxyfuse.models.fields import Fields

STRATEGIES = ("channel", "tensor")  # a scale for each output, or one for all of a matrix
FORMATS = ("float-quantized", "naive-quantized")  # of tensors; two names for one layout
WEIGHTS: dict[str, Any] = {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": False}
DEFAULTS: dict[str, Any] = {"symmetric": True, "dynamic": False}


def read_scaling(fields: Fields) -> tuple[str, ...]:
    """How a checkpoint's products in e4m3 are scaled, of STRATEGIES; () where it has none.

    What is said of activations and of a cache is passed over: both stay in the engine's type. So
    are the lists of what was left alone: the files say that. Raises `ModelError`.
    """
    if not fields.has("quantization_config"):
        return ()
    inside = fields.inside("quantization_config")
    method = inside.data.get("quant_method")
    if method == "compressed-tensors":
        return _compressed(inside)
    if method == "fp8":
        return _one_a_tensor(inside)
    wanted = "compressed-tensors or fp8, whose weights are e4m3, or none"
    raise fields.wrong("quantization_config", method, wanted)


def _compressed(inside: Fields) -> tuple[str, ...]:
    """The strategies of all groups; which layers are in which, the shapes of scales show."""
    layout = inside.text("format")
    if layout not in FORMATS:
        raise inside.wrong("format", layout, f"one of {', '.join(FORMATS)}")
    sparse = inside.inside("sparsity_config")
    if sparse.text("format", "dense") != "dense":
        raise sparse.wrong("format", sparse.data["format"], "dense")
    turned = inside.inside("transform_config").data
    if turned:
        wanted = "none: weights are used as they are stored"
        raise inside.wrong("transform_config", sorted(turned), wanted)
    groups = inside.inside("config_groups")
    found = {_strategy(groups.inside(name).inside("weights")) for name in groups.data}
    if not found:
        raise inside.wrong("config_groups", groups.data, "a group of weights in fp8")
    return tuple(sorted(found))


def _strategy(weights: Fields) -> str:
    for name, wanted in WEIGHTS.items():
        got = weights.data.get(name, DEFAULTS.get(name))
        if got != wanted:
            raise weights.wrong(name, got, repr(wanted))
    strategy = weights.text("strategy")
    if strategy not in STRATEGIES:
        raise weights.wrong("strategy", strategy, f"one of {', '.join(STRATEGIES)}")
    return strategy


def _one_a_tensor(inside: Fields) -> tuple[str, ...]:
    block = inside.data.get("weight_block_size")
    if block is not None:
        raise inside.wrong("weight_block_size", block, "none: one scale for each matrix")
    return ("tensor",)
