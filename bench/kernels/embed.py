"""`embed`: the input embedding, which is a lookup."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import embed
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """The smallest vocabulary: rows of any other cost the same."""
    for rows in scope.rows:
        yield embed.case(place, rows, scope.vocabularies[0], scope.width, torch.bfloat16)


if __name__ == "__main__":
    run({"embed": cases}, "bench.kernels.embed")
