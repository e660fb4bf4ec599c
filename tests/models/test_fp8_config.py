"""Which quantization_config is understood, and that every other one is refused by its field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.errors import ModelError
from proxyfuse.models.fields import Fields
from proxyfuse.models.fp8_config import read_scaling
from tests.stored_fp8 import AUTOFP8, compressed, weights_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
CHANNEL = weights_of("channel")


def read(said: object) -> tuple[str, ...]:
    return read_scaling(Fields("config.json", {"quantization_config": said}))


def lacking(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


@pytest.mark.parametrize(
    ("said", "scaling"),
    [
        (None, ()),
        (compressed(CHANNEL), ("channel",)),
        (compressed(weights_of("tensor")), ("tensor",)),
        (compressed(weights_of("tensor"), CHANNEL), ("channel", "tensor")),
        (compressed(lacking(CHANNEL, "symmetric", "dynamic")), ("channel",)),
        (compressed(CHANNEL, format="naive-quantized", quantization_status="frozen"), ("channel",)),
        (compressed(CHANNEL, sparsity_config={"format": "dense"}), ("channel",)),
        (compressed(CHANNEL, kv_cache_scheme={"num_bits": 8}, transform_config={}), ("channel",)),
        (AUTOFP8, ("tensor",)),
        (AUTOFP8 | {"weight_block_size": None}, ("tensor",)),
    ],
)
def test_what_is_understood(said: object, scaling: tuple[str, ...]) -> None:
    assert read(said) == scaling


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([1], r"quantization_config: got \[1\], want an object"),
        ({}, "quantization_config: got None, want compressed-tensors or fp8"),
        ({"quant_method": "fbgemm_fp8"}, "quantization_config: got 'fbgemm_fp8', want compressed"),
        ({"quant_method": ["fp8"]}, r"quantization_config: got \['fp8'\]"),
        (AUTOFP8 | {"weight_block_size": [128, 128]}, r"weight_block_size: got \[128, 128\], want"),
        (lacking(compressed(CHANNEL), "format"), "format: got nothing, but it is required"),
        (compressed(CHANNEL, format="pack-quantized"), "format: got 'pack-quantized', want one of"),
        (compressed(CHANNEL, format="int-quantized"), "format: got 'int-quantized', want one of"),
        (compressed(CHANNEL, format="mixed-precision"), "format: got 'mixed-precision'"),
        (
            compressed(CHANNEL, sparsity_config={"format": "sparse-24-bitmask"}),
            "sparsity_config: format: got 'sparse-24-bitmask', want dense",
        ),
        (compressed(CHANNEL, transform_config={"a": 1}), r"transform_config: got \['a'\], want"),
        (compressed(), r"config_groups: got \{\}, want a group of weights in fp8"),
        (compressed(CHANNEL, config_groups=[1]), r"config_groups: got \[1\], want an object"),
        (compressed(CHANNEL, config_groups={"x": 1}), "x: got 1, want an object"),
        (compressed(CHANNEL, config_groups={"x": {}}), "x: weights: num_bits: got None, want 8"),
        (compressed(weights_of("block")), "weights: strategy: got 'block', want one of channel, t"),
        (compressed(weights_of("group", group_size=128)), "strategy: got 'group', want one of"),
        (compressed(lacking(CHANNEL, "strategy")), "strategy: got nothing, but it is required"),
        (compressed(CHANNEL | {"num_bits": 4}), "group_0: weights: num_bits: got 4, want 8"),
        (compressed(CHANNEL, CHANNEL | {"num_bits": 4}), "group_1: weights: num_bits: got 4"),
        (compressed(CHANNEL | {"type": "int"}), "weights: type: got 'int', want 'float'"),
        (compressed(CHANNEL | {"symmetric": False}), "symmetric: got False, want True"),
        (compressed(CHANNEL | {"dynamic": True}), "dynamic: got True, want False"),
    ],
)
def test_what_is_refused(said: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read(said)


@given(data=st.data())
def test_whatever_stands_anywhere_is_refused_or_does_no_harm(data: st.DataObject) -> None:
    """One field, of the whole, of its group or of the weights, is anything that JSON can hold."""
    said = compressed(dict(CHANNEL))
    group = said["config_groups"]["group_0"]
    inside = data.draw(st.sampled_from([said, said["config_groups"], group, group["weights"]]))
    name = data.draw(st.sampled_from([*inside, "transform_config", "other"]))
    inside[name] = data.draw(ANYTHING)
    try:
        assert read(said) in {("channel",), ("tensor",)}
    except ModelError as error:
        assert str(error).startswith("config.json: quantization_config")
