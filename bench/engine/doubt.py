"""How uncertain the ratios of a race still are: that decides who has the next round.

What `bench.compare` compares is the median ratio of each state of the machine, so each state has
its own doubt. A round can do something for the state that the machine is in; for another, only
if the machine returns to it meanwhile. Doubts come of spreads alone and never of who is faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.engine.reads import STATES, Pairs
from proxyfuse.measure import relative_error

SURE = 0.02  # standard error of a ratio that needs no more rounds
FEW = 6  # pairs, of fewer of which an error says little: they may agree by chance


def doubts(ratios: Sequence[Pairs], now: str) -> tuple[float, float]:
    """The worst error of all ratios in the state `now`, then in the other one.

    0 where all are within `SURE`. Where fewer than `FEW` pairs have seen the state now it is
    infinite, and so it is where there is no ratio at all: then only time ends the rounds. Another
    state that so few have seen is not waited for.
    """
    if not ratios:
        return math.inf, 0.0
    others = (state for state in STATES if state != now)
    return (
        max(_error(pairs, now, math.inf) for pairs in ratios),
        max(_error(pairs, state, 0.0) for state in others for pairs in ratios),
    )


def _error(pairs: Pairs, state: str, unseen: float) -> float:
    its = pairs.within(state)
    if len(its) < FEW:
        return unseen
    error = relative_error(its)
    return error if error > SURE else 0.0
