"""Rotation tables against transformers' own, for every kind and both spellings of a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from proxyfuse.errors import ModelError
from proxyfuse.models.fields import Fields
from proxyfuse.models.rope import inverse_frequencies, read_rope, rotation_table

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 1024,
}
ROPES: list[dict[str, Any]] = [
    {"rope_type": "default"},
    {"rope_type": "linear", "factor": 2.5},
    LLAMA3,
    LLAMA3 | {"factor": 3.0, "low_freq_factor": 1.5, "high_freq_factor": 6},
    YARN,
    YARN | {"factor": 3, "beta_fast": 20, "beta_slow": 2, "truncate": False},
    YARN | {"attention_factor": 0.8},
    YARN | {"mscale": 0.7, "mscale_all_dim": 1.3},
    YARN | {"mscale": 1.0, "mscale_all_dim": 0.0},
    YARN | {"factor": None},
    {"rope_type": "yarn", "factor": 2.0},
]
THETAS = (10000.0, 1000000.0)
POSITIONS = 1500


def config(**fields: Any) -> dict[str, Any]:
    shape = {"hidden_size": 96, "num_attention_heads": 6, "head_dim": 48}
    named = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    return shape | named | {"max_position_embeddings": 8192} | fields


@pytest.mark.parametrize("rope", ROPES, ids=str)
@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("spelling", ["rope_parameters", "rope_scaling", "type"])
def test_table_is_transformers_own(
    rope: dict[str, Any], theta: float, spelling: str, tmp_path: Path
) -> None:
    if spelling == "type":
        rope = {("type" if key == "rope_type" else key): value for key, value in rope.items()}
    data = config(rope_scaling=rope, rope_theta=theta)
    if spelling == "rope_parameters":
        data = config(rope_parameters=rope | {"rope_theta": theta})
    (tmp_path / "config.json").write_text(json.dumps(data))
    theirs = LlamaRotaryEmbedding(AutoConfig.from_pretrained(tmp_path))
    ours = read_rope(Fields("config.json", data))
    torch.testing.assert_close(
        inverse_frequencies(ours, 48), theirs.inv_freq, rtol=4 * 2**-23, atol=0
    )
    cos, sin = (t[0, :, :24] for t in theirs(torch.zeros(1), torch.arange(POSITIONS)[None]))
    table = rotation_table(ours, 48, POSITIONS)
    assert table.shape == (POSITIONS, 2, 24) and table.dtype == torch.float32
    rounding = 4 * 2**-23 * POSITIONS  # of an angle of that many radians
    torch.testing.assert_close(table, torch.stack([cos, sin], dim=1), rtol=0, atol=rounding)


def test_without_rope_fields_it_is_the_plain_one() -> None:
    rope = read_rope(Fields("config.json", config(rope_scaling=None)))
    assert (rope.kind, rope.theta) == ("default", 10000.0)


def test_the_position_is_before_the_rotation() -> None:
    rope = read_rope(Fields("config.json", config()))
    table = rotation_table(rope, 4, 3)
    angle = torch.tensor(2 * 10000.0**-0.5)  # position 2, second pair
    torch.testing.assert_close(table[2, :, 1], torch.stack([angle.cos(), angle.sin()]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "rope_type: got 'dynamic'"),
        ({"rope_scaling": {"type": "longrope"}}, "'longrope'"),
        ({"rope_scaling": {"rope_type": "linear"}}, "factor: got nothing"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "factor: got 0, want"),
        ({"rope_scaling": {"rope_type": "linear", "factor": "2"}}, "factor: got '2'"),
        ({"rope_scaling": LLAMA3 | {"high_freq_factor": 1.0}}, "high_freq_factor: got 1.0"),
        ({"rope_scaling": YARN | {"truncate": 1}}, "truncate: got 1, want true or false"),
        ({"rope_scaling": YARN | {"original_max_position_embeddings": -1}}, "got -1"),
        ({"rope_scaling": [4.0]}, "rope_scaling: got"),
        ({"rope_theta": -1.0}, "rope_theta: got -1.0"),
        ({"rope_theta": float("nan")}, "rope_theta: got nan"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor: got 0.5, want 1"),
        ({"rope_parameters": {"partial_rotary_factor": 0.25}}, "partial_rotary_factor: got 0.25"),
        ({"rope_parameters": {"full_attention": {"rope_theta": 1.0}}}, "one rope for all layers"),
    ],
)  # fmt: skip
def test_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_rope(Fields("config.json", config(**fields)))
