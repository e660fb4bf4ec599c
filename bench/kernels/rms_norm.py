"""`rms_norm`: twice a layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import rms_norm
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """At the model's width."""
    for rows in scope.rows:
        yield rms_norm.case(place, rows, scope.width, torch.bfloat16)


if __name__ == "__main__":
    run({"rms_norm": cases}, "bench.kernels.rms_norm")
