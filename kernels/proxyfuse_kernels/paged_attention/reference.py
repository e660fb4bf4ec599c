"""The meaning of `paged_attention`: gather a lane's keys and values, then dense attention."""

from __future__ import annotations

import torch
from torch import Tensor


def paged_attention(
    qkv: Tensor,
    positions: Tensor,
    lanes: Tensor,
    page_table: Tensor,
    cache: Tensor,
    out: Tensor,
    *,
    heads: int,
    scale: float,
    window: int | None = None,
    softcap: float | None = None,
) -> None:
    """Each row attends its lane's keys [0, its position]; see `Ops.paged_attention`.

    qkv [T, (H + 2G) * C], positions and lanes [T], page_table [L, W],
    cache [P, 2, slots per page, G, C], out [T, H * C].
    """
    size = cache.shape[-1]
    for row, position, lane, result in zip(
        qkv, positions.tolist(), lanes.tolist(), out, strict=True
    ):
        first = 0 if window is None else max(0, position + 1 - window)
        keys, values = lane_cache(cache, page_table[lane], first, position + 1)
        q = row[: heads * size].clone().view(heads, size).float()
        result.copy_(attend(q, keys, values, scale, softcap).flatten())


def lane_cache(cache: Tensor, pages: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Keys and values [last - first, G, C] of tokens [first, last), found through pages [W]."""
    per_page = cache.shape[2]
    tokens = torch.arange(first, last, device=cache.device)
    page, offset = pages.long()[tokens // per_page], tokens % per_page
    return cache[page, 0, offset].float(), cache[page, 1, offset].float()


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float, softcap: float | None) -> Tensor:
    """softmax(q k^T * scale) v of one row.  q [H, C], k and v [n, G, C]: [H, C] float32."""
    per_key = q.shape[0] // k.shape[1]
    k = k.repeat_interleave(per_key, dim=1)  # [n, H, C]
    v = v.repeat_interleave(per_key, dim=1)
    scores = torch.einsum("hc,nhc->hn", q, k) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return torch.einsum("hn,nhc->hc", scores.softmax(dim=-1), v)
