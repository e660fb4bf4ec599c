"""Host microseconds that the scheduler takes per decoding step: plan and settle, by batch size.

python bench/engine/plan_cost.py [--steps 400]
Refuses to print if a sequence did not get one token in every step.
"""

from __future__ import annotations

import argparse
import json
from statistics import median
from time import thread_time_ns  # CPU time of our own: neighbours on the machine do not count

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.sampling import SamplingParams
from proxyfuse.scheduler import Scheduler
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio

GEOMETRY = Geometry(
    Trio({role: KVShape(80 if role is Role.BASE else 32, 8, 128, 2) for role in Role}), page_size=16
)


def decoding(batch: int, steps: int) -> tuple[Scheduler, list[Sequence]]:
    """A scheduler whose `batch` sequences have all read their prompts of 200 tokens."""
    scheduler = Scheduler(
        GEOMETRY, 100 * batch + 200, max_num_seqs=batch, max_num_batched_tokens=256 * batch
    )
    sequences = []
    for number in range(batch):
        lanes = Trio({role: Lane(tuple(range(number, number + 200))) for role in Role})
        params = SamplingParams(max_tokens=steps + 9)
        sequences.append(Sequence(str(number), 0, params, 1.0, number, lanes))
        scheduler.add(sequences[-1])
    plan = scheduler.plan()
    scheduler.settle(plan, [[7]] * len(plan.samples))
    return scheduler, sequences


def cost(batch: int, steps: int) -> dict[str, float]:
    """Medians, and the 99th percentile of both together, over `steps` decoding steps."""
    scheduler, sequences = decoding(batch, steps)
    kept, plans, settles = [[7]] * batch, [], []
    for _ in range(steps):
        start = thread_time_ns()
        plan = scheduler.plan()
        middle = thread_time_ns()
        scheduler.settle(plan, kept)
        settles.append((thread_time_ns() - middle) / 1e3)
        plans.append((middle - start) / 1e3)
    assert all(len(sequence.continuation) == steps + 1 for sequence in sequences)
    scheduler.check()
    both = sorted(map(sum, zip(plans, settles, strict=True)))
    return {
        "batch": batch,
        "plan_us": round(median(plans), 1),
        "settle_us": round(median(settles), 1),
        "both_p99_us": round(both[int(0.99 * steps)], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    steps = parser.parse_args().steps
    rows = [cost(batch, steps) for batch in (1, 8, 64)]
    for row in rows:
        print("  ".join(f"{name} {value:>7}" for name, value in row.items()))
    print(json.dumps({"bench": "engine/plan_cost", "rows": rows}))


if __name__ == "__main__":
    main()
