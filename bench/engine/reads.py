"""Plain reads beside every turn: how fast memory was just then, and in which state the machine.

A virtual machine of two cores is moved about by its host. Where its cores share one link to memory,
both read little more than one core does; where each has a link of its own, nearly twice as much,
but they take longer to tell each other anything. Ratios are of like states, then:
docs/findings/one-link-or-two.md.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from proxyfuse.measure import ReadStream, Spread, asleep, relative_error, seconds

SIZE = 256 << 20  # bytes, many times the cache of two cores
MORE = 1.5  # times what one core reads: where all cores read more, they have links of their own
QUIET = 0.15  # of all cores, that others may use beside a turn that is quoted
TICKS = 0.03  # seconds by which counts of 10 ms may be off
BUSY = "busy"  # others used more: of no state
STATES = NARROW, WIDE = ("one link", "more links")
PAIRS = 4  # of a state that is quoted


T = TypeVar("T")


@dataclass(frozen=True)
class Beside:
    """What was seen beside a turn."""

    read: float  # seconds of a plain read just before
    others: float  # share of all cores that other processes used, or the host kept


class Reader:
    """Reads all of a block of memory with all cores, and every so often with one."""

    def __init__(self, device: str, size: int | None = None) -> None:
        """On a CPU `size` bytes; on a GPU, which has but one state, what `ReadStream` says."""
        self.stream = ReadStream(device, size or SIZE if device == "cpu" else size)
        self._states = device == "cpu"
        self._alone = float("inf")
        self._reads = 0
        self._last = float("inf")

    def __call__(self) -> float:
        """Seconds of a plain read."""
        if self._states and self._reads % 8 == 0:
            self._alone = min(self._alone, self._by_one_core())
        self._reads += 1
        self._last = seconds(self.stream)
        return self._last

    def beside(self, run: Callable[[], T]) -> tuple[T, Beside]:
        """A plain read, quiet again, and a run, with what was seen beside it."""
        read = self()
        asleep()
        begin, used, all_used = time.perf_counter(), time.process_time(), _used_by_all()
        found = run()
        spent = (time.perf_counter() - begin) * (os.cpu_count() or 1)
        others = (_used_by_all() - all_used) - (time.process_time() - used) - TICKS
        return found, Beside(read, max(others / spent, 0.0) if spent else 0.0)

    def state(self, beside: Beside) -> str:
        """The state of a turn, judged by all reads so far; `BUSY` where others used too much."""
        if beside.others > QUIET:
            return BUSY
        return WIDE if self._states and beside.read * MORE < self._alone else NARROW

    @property
    def now(self) -> str:
        """The state that the last read saw."""
        return self.state(Beside(self._last, 0.0))

    def _by_one_core(self) -> float:
        cores = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return seconds(self.stream)
        finally:
            torch.set_num_threads(cores)


def _used_by_all() -> float:
    """Seconds of all cores that any process used or the host stole; 0 where Linux tells nothing."""
    counts = Path("/proc/stat")
    if not counts.exists():
        return 0.0
    user, nice, system, _, _, irq, soft, steal, *_ = map(int, counts.open().readline().split()[1:])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


class Pairs(NamedTuple):
    """Ratios of turns, pair by pair, and the states that both turns of each pair were in."""

    ratios: Sequence[float]
    states: Sequence[tuple[str, str]]

    def within(self, state: str) -> list[float]:
        """The ratios of pairs whose turns were both in that state."""
        both = (state, state)
        return [it for it, seen in zip(self.ratios, self.states, strict=True) if seen == both]


def by_state(pairs: Pairs) -> dict[str, Any]:
    """The median, the extremes and the rest: over all, and in each state that both of a pair saw.

    Each with its pairs and the relative standard error of its median, `None` where one pair is all
    there is. States that fewer than `PAIRS` pairs saw are left out.
    """
    found = _quoted(pairs.ratios)
    for state in STATES:
        if len(its := pairs.within(state)) >= PAIRS:
            found[state] = _quoted(its)
    return found


def _quoted(ratios: Sequence[float]) -> dict[str, Any]:
    error = relative_error(ratios)
    known = error if math.isfinite(error) else None
    return vars(Spread.of(ratios)) | {"pairs": len(ratios), "error": known}
