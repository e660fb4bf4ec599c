"""The meaning of `rope_append` (Su et al. 2021, in the half-split form of released checkpoints)."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse_kernels.grouped import per_row
from proxyfuse_kernels.rms_norm.reference import normed


def rope_append(
    qkv: Tensor,
    positions: Tensor,
    slots: Tensor,
    rotation: Tensor,
    cache: Tensor,
    *,
    heads: int,
    q_norm: Tensor | None = None,
    k_norm: Tensor | None = None,
    eps: float = 0.0,
) -> None:
    """Rotate q in place, store the rotated k and v in their slots; see `Ops.rope_append`.

    qkv [T, (H + 2G) * C]; positions, slots [T]; rotation [max positions, 2, C/2];
    cache [P, 2, slots per page, G, C]; norms [C] or [groups, C].
    """
    per_page, kv_heads, size = cache.shape[2:]
    rows = qkv.view(len(qkv), heads + 2 * kv_heads, size)
    q, k, v = torch.split(rows, [heads, kv_heads, kv_heads], dim=1)  # [T, H or G, C], views of qkv
    angles = rotation[positions.long()]  # [T, 2, C/2]
    q_rotated = rotated(_normed(q, q_norm, eps), angles)
    k_rotated = rotated(_normed(k, k_norm, eps), angles)
    q.copy_(q_rotated)
    page, offset = slots.long() // per_page, slots.long() % per_page
    cache[page, 0, offset] = k_rotated.to(cache.dtype)
    cache[page, 1, offset] = v.to(cache.dtype)


def _normed(heads: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """Each head of each row, where there is a weight.  heads [T, heads, C]."""
    if weight is None:
        return heads
    return normed(heads, per_row(weight, len(heads))[:, None], eps)


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair (x[c], x[c + C/2]).  x [T, heads, C], angles [T, 2, C/2]: float32."""
    cos, sin = angles[:, None].unbind(dim=2)  # each [T, 1, C/2]
    left, right = x.float().chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)
