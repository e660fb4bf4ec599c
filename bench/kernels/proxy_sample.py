"""`proxy_sample`: three rows of logits into a token."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import proxy_sample
from proxyfuse.measure.ops.case import Case, Place

TOP_P = (1.0, 0.95)


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Each vocabulary, with all tokens kept and with a nucleus."""
    for vocab in scope.vocabularies:
        for top_p in TOP_P:
            for rows in scope.rows:
                yield proxy_sample.case(place, rows, vocab, top_p)


if __name__ == "__main__":
    run({"proxy_sample": cases}, "bench.kernels.proxy_sample")
