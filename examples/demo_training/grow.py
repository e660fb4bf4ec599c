"""A wider and deeper Llama that begins by computing what a small one computes.

The small model lives in the first hidden dimensions, layers, heads and neurons of the large one.
Everything new reads at random and writes nothing, so that training starts from the small model's
loss and no step of its training is paid for twice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

State = dict[str, Tensor]
_WRITERS = ("o_proj", "down_proj")
_QUIET = 0.1  # size of the embedding's new dimensions beside its old ones


def grow(small: State, small_config: LlamaConfig, config: LlamaConfig) -> State:
    """A state for `config` with the function of `small`, nearly."""
    state = LlamaForCausalLM(config).float().state_dict()
    for name, tensor in state.items():
        if any(writer in name for writer in _WRITERS):
            tensor.zero_()
    # RMSNorm divides by the mean over more dimensions now, nearly all of it from the old ones.
    shrink = math.sqrt(small_config.hidden_size / config.hidden_size)
    for name, old in small.items():
        if name.endswith("norm.weight"):
            state[name][: len(old)] = old * shrink
        elif "embed" in name or "lm_head" in name:
            state[name].normal_(std=_QUIET * float(old.std()))
            state[name][:, : old.shape[1]] = old
        else:
            _place(state[name], old, name, small_config, config)
    return state


def _place(new: Tensor, old: Tensor, name: str, small: LlamaConfig, large: LlamaConfig) -> None:
    """Put `old` into the rows and columns of `new` that play its part."""
    slots = _slots(small, large)
    if "q_proj" in name or "k_proj" in name:
        scale = (large.head_dim / small.head_dim) ** 0.25  # the softmax divides by sqrt(head_dim)
        rows, source = slots["query" if "q_proj" in name else "key"]
        new[rows] = 0
        new[rows, : old.shape[1]] = old[source] * scale
        if "k_proj" in name:
            # Dimensions of a grown head that the small one lacks must not add to its scores.
            new[_unused(rows, len(new))] = 0
    elif "v_proj" in name:
        rows, source = slots["value"]
        new[rows] = 0
        new[rows, : old.shape[1]] = old[source]
    elif "o_proj" in name:
        rows, source = slots["output"]
        new[: old.shape[0], rows] = old[:, source]
    elif "down_proj" in name:
        new[: old.shape[0], : old.shape[1]] = old
    else:
        new[: old.shape[0]] = 0
        new[: old.shape[0], : old.shape[1]] = old


def _slots(small: LlamaConfig, large: LlamaConfig) -> dict[str, tuple[Tensor, Tensor]]:
    """For each projection: indices in the grown model, and their sources in the small one."""
    d, stride = large.head_dim, large.head_dim // small.head_dim
    # Half-rotary pairs (i, i + d/2): frequency i of the small head is frequency i*stride here.
    half = torch.arange(small.head_dim // 2) * stride
    rotary, plain = torch.cat([half, half + d // 2]), torch.arange(small.head_dim)
    heads, keys = small.num_attention_heads, large.num_key_value_heads
    copies = [0] * keys  # every grown key head repeats the small model's only one
    return {
        "query": (_per_head(range(heads), d, rotary), torch.arange(heads * small.head_dim)),
        "key": (_per_head(range(keys), d, rotary), _per_head(copies, small.head_dim, plain)),
        "value": (_per_head(range(keys), d, plain), _per_head(copies, small.head_dim, plain)),
        "output": (_per_head(range(heads), d, plain), torch.arange(heads * small.head_dim)),
    }


def _per_head(heads: range | list[int], head_dim: int, inside: Tensor) -> Tensor:
    return torch.cat([head * head_dim + inside for head in heads])


def _unused(rows: Tensor, size: int) -> Tensor:
    mask = torch.ones(size, dtype=torch.bool)
    mask[rows] = False
    return mask.nonzero().flatten()
