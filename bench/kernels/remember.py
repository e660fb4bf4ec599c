"""`remember`: once a verification."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops.case import Case, Place
from proxyfuse.measure.ops.hindsight import remember_case


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Rows of different tokens."""
    for vocab in scope.vocabularies:
        for rows in scope.rows:
            yield remember_case(place, rows, vocab)


if __name__ == "__main__":
    run({"remember": cases}, "bench.kernels.remember")
