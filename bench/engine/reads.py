"""Plain reads beside every turn: how fast memory was just then, and in which state the machine.

A virtual machine of two cores is moved about by its host. Where its cores share one link to memory,
both read little more than one core does; where each has a link of its own, nearly twice as much,
but they take longer to tell each other anything. Ratios are of like states, then:
docs/findings/one-link-or-two.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from proxyfuse.measure import ReadStream, Spread, ratios, seconds

SIZE = 256 << 20  # bytes, many times the cache of two cores
MORE = 1.5  # times what one core reads: where all cores read more, they have links of their own
STATES = NARROW, WIDE = ("one link", "more links")
PAIRS = 4  # of a state that is quoted


class Reader:
    """Reads all of a block of memory with all cores, and every so often with one."""

    def __init__(self, device: str, size: int | None = None) -> None:
        """On a CPU `size` bytes; on a GPU, which has but one state, what `ReadStream` says."""
        self.stream = ReadStream(device, size or SIZE if device == "cpu" else size)
        self._states = device == "cpu"
        self._alone = float("inf")
        self._reads = 0

    def __call__(self) -> float:
        """Seconds of a plain read."""
        if self._states and self._reads % 8 == 0:
            self._alone = min(self._alone, self._by_one_core())
        self._reads += 1
        return seconds(self.stream)

    def state(self, read: float) -> str:
        """What a plain read of so many seconds says of the cores, judged by all reads so far."""
        return WIDE if self._states and read * MORE < self._alone else NARROW

    def _by_one_core(self) -> float:
        cores = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return seconds(self.stream)
        finally:
            torch.set_num_threads(cores)


def by_state(
    slow: Sequence[float], fast: Sequence[float], states: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """How many times faster, pair by pair: over all, and in each state that both of a pair saw.

    States that fewer than `PAIRS` pairs saw are left out.
    """
    found: dict[str, Any] = vars(ratios(slow, fast))
    for state in STATES:
        mine = [at for at, seen in enumerate(states) if seen == (state, state)]
        if len(mine) >= PAIRS:
            spread = Spread.of([slow[at] / fast[at] for at in mine])
            found[state] = vars(spread) | {"pairs": len(mine)}
    return found
