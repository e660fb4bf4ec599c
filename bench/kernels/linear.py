"""`linear`: nearly all bytes of a decoding step."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import linear
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """A layer's largest product and its way back, then the head for each vocabulary."""
    for inputs, outputs in ((scope.width, 2 * scope.inner), (scope.inner, scope.width)):
        for rows in scope.rows:
            yield linear.case(place, rows, inputs, outputs, torch.bfloat16)
    for vocab in scope.vocabularies:
        for rows in scope.rows:
            yield linear.case(place, rows, scope.width, vocab, torch.bfloat16, head=True)


if __name__ == "__main__":
    run({"linear": cases}, "bench.kernels.linear")
