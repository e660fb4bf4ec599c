"""A ratio is of one state of the machine; what one core reads tells the states apart."""

from __future__ import annotations

import pytest
import torch

from bench.engine import reads
from bench.engine.reads import NARROW, PAIRS, WIDE, Reader, by_state


def test_cores_with_links_of_their_own_read_more_than_one_core_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reads, "seconds", lambda _: 2.0 if torch.get_num_threads() == 1 else 1.5)
    cores = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        reader = Reader("cpu", 4096)
        assert reader() == 1.5 and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(cores)
    assert [reader.state(read) for read in (1.2, 1.4, 1.9)] == [WIDE, NARROW, NARROW]


def test_pairs_count_for_a_state_that_both_turns_saw() -> None:
    states = [(NARROW, NARROW)] * PAIRS + [(NARROW, WIDE)] * 9 + [(WIDE, WIDE)] * (PAIRS - 1)
    slow = [2.0] * PAIRS + [50.0] * 9 + [3.0] * (PAIRS - 1)
    found = by_state(slow, [1.0] * len(slow), states)
    assert found[NARROW] == {"median": 2.0, "least": 2.0, "most": 2.0, "pairs": PAIRS}
    assert WIDE not in found, "too few"
    assert (found["median"], found["most"]) == (50.0, 50.0), "over all pairs"
    more = by_state([*slow, 5.0], [1.0] * (len(slow) + 1), [*states, (WIDE, WIDE)])
    assert more[WIDE] == {"median": 3.0, "least": 3.0, "most": 5.0, "pairs": PAIRS}
