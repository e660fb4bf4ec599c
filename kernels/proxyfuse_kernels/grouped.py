"""Weights of several models of one architecture, side by side: their rows run as one.

Such a weight has one dimension more, in front: its groups. Rows are then as many equal parts, in
order, each with the weight of its group.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from torch import Tensor

from proxyfuse_kernels.quantised import Weight


def groups_of(weight: Weight, plain: int) -> int:
    """How many groups there are, in a weight that has `plain` dimensions without them."""
    return len(weight) if len(weight.shape) > plain else 1


def in_groups(x: Tensor, count: int) -> Tensor:
    """x [T, ...] as a view [count, T / count, ...]."""
    parted: Tensor = x.unflatten(0, (count, len(x) // count))  # type: ignore[no-untyped-call]
    return parted


def per_row(weight: Tensor, rows: int) -> Tensor:
    """weight [D] or [groups, D] as each row's own: [rows, D]."""
    if weight.dim() == 1:
        return weight.expand(rows, -1)
    return weight.repeat_interleave(rows // len(weight), dim=0)


def products(
    x: Tensor, weight: Weight, bias: Tensor | None, out: Tensor
) -> Iterator[tuple[Tensor, Weight, Tensor | None, Tensor]]:
    """The product of each group: weight [groups, N, K], bias [groups, N]."""
    count = len(weight)
    weights = [weight[group] for group in range(count)]
    biases = repeat(None) if bias is None else bias
    return zip(in_groups(x, count), weights, biases, in_groups(out, count), strict=False)
