"""`place`: once a drafted token."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import place as tokens
from proxyfuse.measure.ops.case import Case, Place


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Each token to four places."""
    for rows in scope.rows:
        yield tokens.case(place, rows)


if __name__ == "__main__":
    run({"place": cases}, "bench.kernels.place")
