"""A Llama folder as the file that llama.cpp reads: the same weights, in a type of its own.

llama.cpp rotates neighbouring pairs of a head's dimensions where Hugging Face rotates its halves,
so the rows of q and k change places. Only matrices take the narrow type; norms stay float32. The
vocabulary is declared and left empty: ids go in and logits come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from safetensors import safe_open
from torch import Tensor

from proxyfuse.errors import ModelError
from proxyfuse.models.config import ModelConfig, read_config
from proxyfuse.models.rope import inverse_frequencies

KINDS = {"float32": Kind.F32, "bfloat16": Kind.BF16, "q8_0": Kind.Q8_0}


def write(folder: Path, kind: Kind, target: Path) -> None:
    """Write a folder's model to `target`; raises `ModelError` where it is not a plain Llama."""
    config = read_config(folder)
    if config.architecture != "LlamaForCausalLM" or config.qkv_bias or config.mlp_bias:
        raise ModelError(f"{folder}: got {config.architecture}, want a Llama without biases")
    if config.rope.kind == "yarn":
        raise ModelError(f"{folder}: got rope_type yarn, want default, linear or llama3")
    writer = gguf.GGUFWriter(target, "llama")
    _describe(writer, config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_layers)
    for name, weight in _weights(folder, config):
        stored = names.get_name(name, try_suffixes=(".weight",))
        if stored is None:
            raise ModelError(f"{folder}: got {name}, which a Llama's file has no place for")
        values, chosen = packed(weight, kind)
        writer.add_tensor(stored, values, raw_dtype=chosen)
    if config.rope.kind != "default":
        writer.add_tensor("rope_freqs.weight", _stretch(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def packed(weight: Tensor, kind: Kind) -> tuple[np.ndarray, Kind]:
    """A tensor's bytes, and the type they are in: a vector's is float32, a matrix's `kind`."""
    if weight.dim() == 1 or kind is Kind.F32:
        return weight.float().numpy(), Kind.F32
    if kind is Kind.BF16:
        return weight.bfloat16().contiguous().view(torch.uint8).numpy(), kind
    return gguf.quantize(weight.float().numpy(), kind), kind


def _describe(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    writer.add_block_count(config.num_layers)
    writer.add_context_length(config.max_positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope.theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("no_vocab")


def _weights(folder: Path, config: ModelConfig) -> Iterator[tuple[str, Tensor]]:
    """Each weight by its Hugging Face name, with q's and k's rows in llama.cpp's order."""
    heads = {"q_proj.weight": config.num_heads, "k_proj.weight": config.num_kv_heads}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118  (it is no mapping)
                if name == "lm_head.weight" and config.tied:
                    continue
                weight, ending = stored.get_tensor(name), ".".join(name.split(".")[-2:])
                yield name, paired(weight, heads[ending]) if ending in heads else weight


def paired(weight: Tensor, heads: int) -> Tensor:  # [heads * D, in]
    """Rows i and i + D/2 of each head side by side."""
    halves = weight.view(heads, 2, -1, weight.shape[1])
    return halves.transpose(1, 2).reshape(weight.shape)


def _stretch(config: ModelConfig) -> np.ndarray:  # [D/2]
    """How many times longer than plain each pair's wavelength is."""
    plain = config.rope.theta ** -(torch.arange(0, config.head_dim, 2) / config.head_dim)
    return (plain / inverse_frequencies(config.rope, config.head_dim)).float().numpy()
