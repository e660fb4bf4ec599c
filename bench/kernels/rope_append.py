"""`rope_append`: once a layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import rope_append
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Grouped heads, one new token a lane."""
    heads = (scope.heads, scope.key_heads, scope.head_size)
    for rows in scope.rows:
        yield rope_append.case(place, rows, *heads, torch.bfloat16)


if __name__ == "__main__":
    run({"rope_append": cases}, "bench.kernels.rope_append")
