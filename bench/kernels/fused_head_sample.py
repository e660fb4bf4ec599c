"""`fused_head_sample`: whether three heads draw faster than heads and sampler apart."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import fused_head_sample
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Each vocabulary; proxies of half the base's width, as in a Llama 3 of 8 billion with 1."""
    for vocab in scope.vocabularies:
        for rows in scope.rows:
            yield fused_head_sample.case(place, rows, (scope.width, scope.width // 2), vocab)


if __name__ == "__main__":
    run({"fused_head_sample": cases}, "bench.kernels.fused_head_sample")
