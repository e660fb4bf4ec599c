"""`linear` over weights of 8 bits: nearly all bytes of a decoding step of a quantised base."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import linear_fp8
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """A layer's largest product and its way back."""
    for inputs, outputs in ((scope.width, 2 * scope.inner), (scope.inner, scope.width)):
        for rows in scope.rows:
            yield linear_fp8.case(place, rows, inputs, outputs, torch.bfloat16)


if __name__ == "__main__":
    run({"linear_fp8": cases}, "bench.kernels.linear_fp8")
