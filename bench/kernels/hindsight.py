"""`hindsight`: recall once a drafted token, remember once a verification."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops.case import Case, Place
from proxyfuse.measure.ops.hindsight import recall_case, remember_case

MOST = 64  # rows: more are not verified at once


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """One draft is drawn at a time; few rows are verified."""
    for vocab in scope.vocabularies:
        yield recall_case(place, 1, vocab)
        for rows in scope.rows:
            if rows <= MOST:
                yield remember_case(place, rows, vocab)


if __name__ == "__main__":
    run({"hindsight": cases}, "bench.kernels.hindsight")
