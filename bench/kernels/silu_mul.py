"""`silu_mul`: once a layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import silu_mul
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """At the feed-forward's width."""
    for rows in scope.rows:
        yield silu_mul.case(place, rows, scope.inner, torch.bfloat16)


if __name__ == "__main__":
    run({"silu_mul": cases}, "bench.kernels.silu_mul")
