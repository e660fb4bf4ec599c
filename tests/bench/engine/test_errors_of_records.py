"""Two processes that differ as their rounds do, and two that do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench.engine.errors_of_records import distances
from bench.engine.reads import NARROW
from bench.engine.statistics_of_turns import first_runs
from bench.peers.lineup import MINE


def record(draw: np.random.Generator, own: float, cases: int = 60, rounds: int = 12) -> Any:
    """Cases of one rival, whose rounds are a tenth apart, and whose process has `own` beside."""

    def column(off: float) -> dict[str, list[float]]:
        ms = 5.0 * np.exp(off + 0.1 * draw.normal(size=rounds))
        return {"ms": list(ms), "read_ms": [6.0] * rounds, "others": [0.0] * rounds}

    return {
        "trios": {
            str(case): {"rounds": {MINE: column(own * draw.normal()), "hf": column(0.7)}}
            for case in range(cases)
        }
    }


@pytest.mark.parametrize(("own", "least", "most"), [(0.0, 0.7, 1.2), (0.2, 2.0, 9.0)])
def test_a_process_of_its_own_shows_as_more_than_its_errors(
    own: float, least: float, most: float
) -> None:
    draw = np.random.default_rng(2)
    rows = list(distances(record(draw, own), record(draw, own)))
    assert len(rows) == 60 and rows[0][0] == ("trios", "0", "hf", MINE, NARROW)
    over = math.sqrt(np.mean([(apart / error) ** 2 for _, apart, error in rows]))
    assert least < over < most


def test_the_state_of_a_turn_and_what_others_used_decide_who_is_compared() -> None:
    draw = np.random.default_rng(4)
    first, second = record(draw, 0.0, cases=1), record(draw, 0.0, cases=1)
    second["trios"]["0"]["rounds"]["hf"]["read_ms"] = [4.0] * 12  # on more links
    assert not list(distances(first, second))
    second["trios"]["0"]["rounds"]["hf"]["read_ms"] = [6.0] * 12
    second["trios"]["0"]["rounds"]["hf"]["others"] = [0.5] * 9 + [0.0] * 3
    assert not list(distances(first, second)), "three pairs are too few"


def test_the_first_of_three_runs_is_told_from_the_others() -> None:
    turns = [[1.2 * ms, ms, ms, 9.9] for ms in (1.0, 1.1, 1.0, 0.9)]
    case = {"read_ms": [1.0] * 4, "fast": turns, "slow": [[5.0]] * 4}
    ((what, slower, first, last),) = first_runs([{"a case": case}])
    assert what == "process 1, a case: fast" and slower == pytest.approx(0.2)
    assert first == pytest.approx(last) and first > 0
