"""Fuse three rows of logits, filter, and draw: the promise.

    fused = base + alpha * (expert - antiexpert)                                      float32
    shaped = fused + bias, then penalties, then -inf where not allowed
    scaled = shaped / temperature                                  (shaped itself where greedy)
    token  = argmax over the ids kept by top-k, then top-p, then min-p of  scaled + gumbel

The Gumbel noise is a pure function of (seed, stream, position, token id): see `noise.py`. Every
version of this operation draws the same noise bits and so the same token. Among equal values the
lower id wins, everywhere: greedy, the draw, and the order in which top-k and top-p count.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from proxyfuse_kernels.proxy_sample import reference
from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows

__all__ = ["SampleDraws", "SampleRows", "proxy_sample"]


def proxy_sample(
    logits: Sequence[Tensor],
    rows: SampleRows,
    *,
    vocab: int,
    top: int = 0,
    ranks: bool = False,
    roles: bool = False,
) -> SampleDraws:
    """Draw a token a row. A row's result depends on nothing but the row, bit for bit.

    logits: (base [S, V0],) or (base, expert [M, V1], antiexpert [M, V2]) with M <= S, row-strided,
    float32, bfloat16 or float16. The first M rows are fused, the others are the base's own. Only
    ids below vocab count. `top`, `ranks` and `roles` ask for those fields of `SampleDraws`; `top`
    is cut to vocab. Raises `ValueError` where shapes or types do not fit.
    """
    check(logits, vocab)
    return reference.proxy_sample(logits, rows, vocab=vocab, top=top, ranks=ranks, roles=roles)


def check(logits: Sequence[Tensor], vocab: int) -> None:
    """Raise `ValueError` unless the logits are what `proxy_sample` takes."""
    if len(logits) not in (1, 3):
        raise ValueError(f"logits: got {len(logits)} roles, want the base alone or all three")
    rows = [x.shape[0] for x in logits]
    if any(x.ndim != 2 or x.shape[1] < vocab for x in logits):
        shapes = [tuple(x.shape) for x in logits]
        raise ValueError(f"logits: got shapes {shapes}, want [rows, at least vocab={vocab}]")
    if len(set(rows[1:])) > 1 or max(rows) > rows[0]:
        raise ValueError(f"logits: got {rows} rows, want base >= expert == antiexpert")
