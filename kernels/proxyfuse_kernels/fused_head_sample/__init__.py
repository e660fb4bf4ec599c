"""Draw tokens from three heads' products without writing a logit: the promise.

    fused = h_base @ W_base.T + alpha * (h_expert @ W_expert.T - h_antiexpert @ W_antiexpert.T)

Since heads are linear that is one product, [W_base | W_expert | W_antiexpert] by the hidden rows
one under the other, and its epilogue samples. From `fused` on it is `proxy_sample`: the same
shaping, the same noise, the same tie-breaks.

How it rounds: each role's product is summed in float32 by itself, and the three sums are fused as
`proxy_sample` fuses logits. (One sum over all inputs of h_base, alpha h_expert and -alpha
h_antiexpert would round alpha h to the hidden rows' type, and cancel late.) Its logits are those of
three float32 heads up to the order in which one dot product is summed, and a draw differs from
theirs only where two scores are closer than that. A row's bits do not depend on other rows, but
they are not those of the separate path: a sequence is decoded by one of the two throughout.

What it does not do: top-k, top-p and min-p (they need the whole row), ranks, likeliest ids, each
role's own log-probability, capped logits, heads with a bias. See `takes`.
"""

from __future__ import annotations

__all__ = ["MOST_ROWS", "choose", "takes"]

MOST_ROWS = 16  # beyond, a library's product that reads the weights once for all rows should win


def takes(
    *, filters: bool, top: int = 0, ranks: bool = False, roles: bool = False, capped: bool = False
) -> bool:
    """Whether a batch that asks for these can be drawn here at all."""
    return not (filters or top or ranks or roles or capped)


def choose(rows: int) -> bool:
    """Whether it is expected to beat heads and sampler apart: a guess until a GPU has timed it.

    It saves writing and reading rows * vocab * 3 float32 logits and two to four launches; it pays
    by reading the weights again for every MOST_ROWS rows. Nothing uses it by default. The number
    would come from `python -m bench.kernels.fused_head_sample` on a GPU: the most rows at which
    "triton" takes less time than "triton, apart".
    """
    return rows <= MOST_ROWS
