"""Configurations as released and as transformers writes them; what is refused, and why."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxyfuse.errors import ModelError
from proxyfuse.models.config import ARCHITECTURES, ModelConfig, read_config
from proxyfuse.models.rope import rotation_table
from tests.tiny import FAMILIES, make_model

SHAPE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "torch_dtype": "bfloat16",
    "eos_token_id": 2,
}
MISTRAL = {"architectures": ["MistralForCausalLM"]}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"]}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"]}
ALL, NONE = (None,) * 4, "absent"


def read(folder: Path, generation: object = None, **fields: Any) -> ModelConfig:
    data = {k: v for k, v in (SHAPE | fields).items() if v != NONE}
    (folder / "config.json").write_text(json.dumps(data))
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return read_config(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_transformers_saves(family: str, tmp_path: Path) -> None:
    theirs = make_model(tmp_path, family).config
    ours = read_config(tmp_path)
    assert (ours.vocab_size, ours.hidden_size) == (theirs.vocab_size, theirs.hidden_size)
    assert (ours.num_layers, ours.intermediate_size) == (3, theirs.intermediate_size)
    assert (ours.num_heads, ours.num_kv_heads, ours.head_dim) == (
        theirs.num_attention_heads, theirs.num_key_value_heads, theirs.head_dim,
    )  # fmt: skip
    assert ours.tied == theirs.tie_word_embeddings
    assert ours.rope.theta == theirs.rope_parameters["rope_theta"]
    assert ours.rope.kind == theirs.rope_parameters["rope_type"]
    assert (ours.dtype, ours.eos_token_ids) == ("float32", (0,))
    kinds = getattr(theirs, "layer_types", None) or ["all"] * 3
    window = getattr(theirs, "sliding_window", None)
    assert ours.windows == tuple(None if kind == "full_attention" else window for kind in kinds)


def test_released_configs(tmp_path: Path) -> None:
    llama = read(tmp_path, num_key_value_heads=NONE, pretraining_tp=2, sliding_window=9)
    assert (llama.num_kv_heads, llama.head_dim, llama.windows) == (8, 8, ALL)
    assert (llama.qkv_size, llama.output_size, llama.kv_values) == (192, 64, 4 * 2 * 64)
    assert not (llama.qkv_bias or llama.output_bias or llama.mlp_bias or llama.qk_norm)
    biased = read(tmp_path, attention_bias=True, mlp_bias=True)
    assert biased.qkv_bias and biased.output_bias and biased.mlp_bias
    assert read(tmp_path, **MISTRAL, sliding_window=64).windows == (64,) * 4
    assert read(tmp_path, **MISTRAL, sliding_window=None).windows == ALL
    assert read(tmp_path, **MISTRAL).windows == (4096,) * 4
    qwen2 = read(
        tmp_path, **QWEN2, use_sliding_window=False, sliding_window=32, max_window_layers=1
    )
    assert (qwen2.windows, qwen2.qkv_bias, qwen2.output_bias) == (ALL, True, False)
    qwen3 = read(tmp_path, **QWEN3)
    assert (qwen3.head_dim, qwen3.qk_norm, qwen3.qkv_bias) == (128, True, False)
    assert read(tmp_path, **QWEN3, attention_bias=True).output_bias


def test_windows_of_qwen_layers(tmp_path: Path) -> None:
    sliding = {"use_sliding_window": True, "sliding_window": 32}
    assert read(tmp_path, **QWEN2, **sliding, max_window_layers=3).windows == (None,) * 3 + (32,)
    assert read(tmp_path, **QWEN2, **sliding, max_window_layers=0).windows == (32,) * 4
    kinds = ["sliding_attention", "full_attention"] * 2
    assert read(tmp_path, **QWEN3, **sliding, layer_types=kinds).windows == (32, None, 32, None)


def test_end_of_text_ids_of_both_files_are_united(tmp_path: Path) -> None:
    assert read(tmp_path, eos_token_id=None).eos_token_ids == ()
    both = read(tmp_path, {"eos_token_id": [9, 2, 7]}, eos_token_id=[2, 5])
    assert both.eos_token_ids == (2, 5, 7, 9)
    assert read(tmp_path, {"eos_token_id": 0}, eos_token_id=NONE).eos_token_ids == (0,)


def test_yarn_stretches_the_context_that_is_written(tmp_path: Path) -> None:
    yarn = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}
    assert read(tmp_path, rope_scaling=yarn).max_positions == 8192
    assert read(tmp_path, rope_scaling=yarn, max_position_embeddings=9000).max_positions == 9000
    assert read(tmp_path).max_positions == 2048


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "'GPT2LMHeadModel'.*one of LlamaForCausalLM, Mis"),
        ({"architectures": NONE}, "architectures: got None, want one of"),
        ({"architectures": ["LlamaForCausalLM", "MistralForCausalLM"]}, "architectures"),
        ({"hidden_act": "gelu"}, "hidden_act: got 'gelu', want silu"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantization_config: got 'gptq'"),
        ({"vocab_size": NONE}, "vocab_size: got nothing, but it is required"),
        ({"vocab_size": -5}, "vocab_size: got -5, want a whole number, at least 1"),
        ({"hidden_size": 64.0}, "hidden_size: got 64.0"),
        ({"hidden_size": True}, "hidden_size: got True"),
        ({"hidden_size": 65}, "hidden_size: got 65, want a multiple of num_attention_heads=8"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: got 0"),
        ({"num_hidden_layers": 2**30}, "num_hidden_layers: got .* at most"),
        ({"hidden_size": 2**40}, "hidden_size: got .* at most"),
        ({"num_key_value_heads": 3}, "num_key_value_heads: got 3, want a divisor of"),
        ({**MISTRAL, "num_key_value_heads": NONE}, "num_key_value_heads: got nothing"),
        ({"head_dim": 7}, "head_dim: got 7, want an even number"),
        ({"rms_norm_eps": 0}, "rms_norm_eps: got 0"),
        ({"rms_norm_eps": "1e-5"}, "rms_norm_eps: got '1e-5'"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings: got 'yes'"),
        ({"torch_dtype": "int8"}, "dtype: got 'int8', want one of float32"),
        ({"eos_token_id": -1}, "eos_token_id: got -1"),
        ({"eos_token_id": [1, "x"]}, "eos_token_id: got"),
        ({**MISTRAL, "sliding_window": 0}, "sliding_window: got 0"),
        ({**QWEN2, "layer_types": ["full_attention"]}, "layer_types: got .* a list of 4"),
        ({**QWEN2, "layer_types": ["sliding_attention"] * 4}, "'sliding_attention', want"),
        ({**QWEN2, "use_sliding_window": True, "layer_types": ["chunked"] * 4}, "got 'chunked'"),
    ],
)  # fmt: skip
def test_refused(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        read(tmp_path, **fields)


ROPE = ["rope_type", "factor", "low_freq_factor", "high_freq_factor", "truncate", "mscale"]
NAMES = [*SHAPE, "head_dim", "sliding_window", "layer_types", "rope_theta", "rope_scaling", "dtype"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=4), st.integers(10**300, 10**310),
    st.dictionaries(st.sampled_from(ROPE), st.floats() | st.sampled_from(["yarn", "llama3"])),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    architecture=st.sampled_from(ARCHITECTURES),
    fields=st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=2),
)
def test_nonsense_is_a_config_or_a_model_error(architecture: str, fields: dict[str, Any]) -> None:
    data = SHAPE | {"architectures": [architecture], "use_sliding_window": True} | fields
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(data))
        try:
            config = read_config(Path(folder))
        except ModelError:
            return
    table = rotation_table(config.rope, config.head_dim, 2) if config.head_dim < 1000 else None
    assert table is None or table.isfinite().all()


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00\xff", '"model"', "[" * 99999])
def test_a_corrupt_file_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json: no such file"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"config\.json: want a JSON object"):
        read_config(tmp_path)
