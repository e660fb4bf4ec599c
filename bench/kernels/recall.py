"""`recall`: once a drafted token."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops.case import Case, Place
from proxyfuse.measure.ops.hindsight import recall_case


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Rows that are all remembered."""
    for vocab in scope.vocabularies:
        for rows in scope.rows:
            yield recall_case(place, rows, vocab)


if __name__ == "__main__":
    run({"recall": cases}, "bench.kernels.recall")
