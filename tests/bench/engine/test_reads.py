"""A ratio is of one state of the machine; what one core reads tells the states apart."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.engine import reads
from bench.engine.reads import BUSY, NARROW, PAIRS, WIDE, Beside, Pairs, Reader, by_state
from proxyfuse.measure import relative_error


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
    seen = [reader.state(Beside(read, others=0.1)) for read in (1.2, 1.4, 1.9)]
    assert seen == [WIDE, NARROW, NARROW]


@pytest.mark.parametrize(("used", "state"), [(1.0, NARROW), (0.0, NARROW), (30.0, BUSY)])
def test_a_turn_beside_others_is_of_no_state(
    monkeypatch: pytest.MonkeyPatch, used: float, state: str
) -> None:
    """All cores did so many seconds' work in ten, of which this process did one half."""

    walls, owns = itertools.count(0, 10), iter((5.0, 5.5))
    clock = SimpleNamespace(perf_counter=lambda: next(walls), process_time=lambda: next(owns))
    totals = iter((100.0, 100.0 + used))
    reader = Reader("cpu", 4096)
    reader()
    monkeypatch.setattr(reads, "time", clock)
    monkeypatch.setattr(reads, "asleep", lambda: None)
    monkeypatch.setattr(reads.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(reads, "seconds", lambda _: 1.0)
    monkeypatch.setattr(reads, "_used_by_all", lambda: next(totals))
    found, beside = reader.beside(lambda: "it")
    assert found == "it" and beside.others == pytest.approx(max(used - 0.5 - reads.TICKS, 0.0) / 40)
    assert reader.state(beside) == state


def test_what_all_processes_use_grows_with_what_this_one_does() -> None:
    if not Path("/proc/stat").exists():
        pytest.skip("Linux only")
    before, own = reads._used_by_all(), time.process_time()
    while time.process_time() - own < 0.1:
        pass
    assert reads._used_by_all() - before > 0.05


def test_pairs_count_for_a_state_that_both_turns_saw() -> None:
    states = [(NARROW, NARROW)] * PAIRS + [(NARROW, WIDE)] * 9 + [(WIDE, WIDE)] * (PAIRS - 1)
    ratios = [2.0] * PAIRS + [50.0] * 9 + [3.0] * (PAIRS - 1)
    found = by_state(Pairs(ratios, states))
    same = {"median": 2.0, "least": 2.0, "most": 2.0, "pairs": PAIRS, "error": pytest.approx(0.0)}
    assert found[NARROW] == same
    assert WIDE not in found, "too few"
    assert (found["median"], found["most"], found["pairs"]) == (50.0, 50.0, len(ratios))
    more = by_state(Pairs([*ratios, 5.0], [*states, (WIDE, WIDE)]))[WIDE]
    assert (more["median"], more["most"], more["pairs"]) == (3.0, 5.0, PAIRS)
    assert more["error"] == relative_error([3.0, 3.0, 3.0, 5.0]) > 0
    assert by_state(Pairs([2.0], [(WIDE, WIDE)]))["error"] is None, "one pair tells no error"


def test_now_is_what_the_last_read_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    took = iter((2.0, 1.9, 1.2, 1.8))  # seconds; the first by one core
    reader = Reader("cpu", 4096)
    assert reader.now == NARROW, "before any read"
    monkeypatch.setattr(reads, "seconds", lambda _: next(took))
    seen = [(reader(), reader.now)[1] for _ in range(3)]
    assert seen == [NARROW, WIDE, NARROW]
