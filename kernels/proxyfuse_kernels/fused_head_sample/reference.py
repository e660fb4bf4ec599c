"""The meaning of `fused_head_sample`: three float32 products, then `proxy_sample`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from proxyfuse_kernels.proxy_sample import reference
from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows


def fused_head_sample(
    hidden: Sequence[Tensor], heads: Sequence[Tensor], rows: SampleRows, *, vocab: int
) -> SampleDraws:
    """hidden: (base [S, D0],) or (base, expert [M, D1], antiexpert [M, D2]), M <= S.

    heads: [at least vocab, D] each, of the hidden rows' type. Draws have their four plain fields.
    """
    logits = [h.float() @ w[:vocab].float().T for h, w in zip(hidden, heads, strict=True) if len(h)]
    return reference.proxy_sample(logits, rows, vocab=vocab)
