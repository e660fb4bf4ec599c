"""`select`: once a step, before the head."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import select
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """At the model's width."""
    for rows in scope.rows:
        yield select.case(place, rows, scope.width)


if __name__ == "__main__":
    run({"select": cases}, "bench.kernels.select")
