"""`paged_attention`: what grows with the context."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import paged_attention
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Grouped heads, one new token a lane, all lanes equally long."""
    heads = (scope.heads, scope.key_heads, scope.head_size)
    for rows in scope.rows:
        yield paged_attention.case(place, rows, scope.context, *heads, torch.bfloat16)


if __name__ == "__main__":
    run({"paged_attention": cases}, "bench.kernels.paged_attention")
