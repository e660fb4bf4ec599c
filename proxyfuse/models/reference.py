"""The meaning of a decoder: dense attention over whole texts, no cache, float32 throughout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from proxyfuse.models.config import ModelConfig
from proxyfuse.models.rope import rotation_table
from proxyfuse.models.weights import LayerWeights, Weights
from proxyfuse_kernels.quantised import Weight


def next_logits(config: ModelConfig, weights: Weights, ids: Sequence[int]) -> Tensor:
    """Logits [V] of the token after `ids`."""
    x = weights.embedding[torch.tensor(ids)].float()
    turns = rotation_table(config.rope, config.head_dim, len(ids))
    for layer, window in zip(weights.layers, config.windows, strict=True):
        x = x + attention(norm(x, layer.input_norm, config), layer, window, turns, config)
        gate_up = linear(norm(x, layer.mlp_norm, config), layer.gate_up, layer.gate_up_bias)
        gate, up = gate_up.chunk(2, dim=-1)
        x = x + linear(F.silu(gate) * up, layer.down, layer.down_bias)
    return linear(norm(x[-1], weights.norm, config), weights.head, None)


def attention(
    x: Tensor, layer: LayerWeights, window: int | None, turns: Tensor, config: ModelConfig
) -> Tensor:
    """softmax(q k^T / sqrt(C)) v over the keys up to each query.  x and result [n, D]."""
    queries, keys = config.num_heads, config.num_kv_heads
    qkv = linear(x, layer.qkv, layer.qkv_bias).view(len(x), -1, config.head_dim).transpose(0, 1)
    q, k, v = torch.split(qkv, [queries, keys, keys])  # [heads, n, C]
    if layer.q_norm is not None and layer.k_norm is not None:
        q, k = norm(q, layer.q_norm, config), norm(k, layer.k_norm, config)
    q, k = rotate(q, turns), rotate(k, turns)
    k, v = (t.repeat_interleave(queries // keys, dim=0) for t in (k, v))
    back = torch.arange(len(x))[:, None] - torch.arange(len(x))
    unseen = (back < 0) | (back >= (window or len(x)))
    scores = (q @ k.mT * config.head_dim**-0.5).masked_fill(unseen, -torch.inf)
    mixed = scores.softmax(dim=-1) @ v
    return linear(mixed.transpose(0, 1).flatten(1), layer.output, layer.output_bias)


def linear(x: Tensor, weight: Weight, bias: Tensor | None) -> Tensor:
    """x W^T + b."""
    return F.linear(x, weight.float(), None if bias is None else bias.float())


def norm(x: Tensor, weight: Tensor, config: ModelConfig) -> Tensor:
    """x over its root mean square, times weight."""
    return F.rms_norm(x, x.shape[-1:], weight.float(), config.rms_norm_eps)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Each pair (x[c], x[c + C/2]) as a complex number, times e^(i angle).  x [heads, n, C]."""
    left, right = x.chunk(2, dim=-1)
    turned = torch.complex(left, right) * torch.complex(turns[:, 0], turns[:, 1])
    return torch.cat([turned.real, turned.imag], dim=-1)
