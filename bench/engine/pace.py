"""Single tokens as a caller sees them arrive: median, p99, and how many come at once."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from bench.engine.contest import Case
from bench.peers.engine import params
from proxyfuse import LLM
from proxyfuse.measure import percentile


def pace(llm: LLM, case: Case) -> dict[str, Any]:
    """One streamed request among the case's others, after a run that warms up.

    `tokens_per_pass` is how many tokens the base's forwards brought on average: 1 where nothing
    is drafted ahead.
    """
    llm.generate(case.prompts, params(case.lengths), use_tqdm=False)
    (first, *others), (own, *rest) = case.prompts, params(case.lengths)
    with ThreadPoolExecutor(1) as pool:
        neighbours = pool.submit(llm.generate, others, rest, False) if others else None
        counts, moments = [], []
        for output in llm.stream(first, own):
            counts.append(len(output.outputs[0].token_ids))
            moments.append(time.perf_counter())
        if neighbours is not None:
            neighbours.result()
    gaps = [after - before for before, after in pairwise(moments)]
    pairs = list(zip(gaps, counts[1:], strict=True))
    each = [1e3 * gap / count for gap, count in pairs if count for _ in range(count)]
    return {
        "median_ms": statistics.median(each),
        "p99_ms": percentile(each, 0.99),
        "tokens_per_pass": sum(counts[1:]) / max(sum(1 for count in counts[1:] if count), 1),
    }
