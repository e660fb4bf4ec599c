"""Calls of one version of an operation, as many as a clock can tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch

from proxyfuse.measure.protocol import seconds

SAMPLE = 0.003  # seconds that one timing lasts at least, of as many calls as that takes
MOST_CALLS = 1 << 14
MOST_NODES = 256  # calls in one graph


class Sample:
    """A run of `calls` calls, one prepared for each copy of the inputs, one copy after another.

    captured: they are nodes of a CUDA graph, as an engine's are. What Python and the driver take to
    launch a kernel is often longer than it runs, and would be all that is seen.
    """

    def __init__(
        self, calls: Sequence[Callable[[], object]], device: torch.device, captured: bool = False
    ) -> None:
        self._runs = itertools.cycle(calls)
        self._device = device
        self._each, self._times = 1, 1  # calls of a pass, and how often it is played
        self._play: Callable[[], object] = self._pass
        self()  # wakes threads, compiles
        self.once = spent = seconds(self)  # of one call
        while spent < SAMPLE and self._each < (MOST_NODES if captured else MOST_CALLS):
            self._each *= 2
            spent = seconds(self)
        if captured:
            for call in calls:  # what is compiled at the first call cannot be while capturing
                call()
            self._play = self._captured()
            while seconds(self) < SAMPLE and self._times < MOST_CALLS:
                self._times *= 2

    @property
    def calls(self) -> int:
        """In one run."""
        return self._each * self._times

    def _pass(self) -> None:
        for call in itertools.islice(self._runs, self._each):
            call()

    def _captured(self) -> Callable[[], object]:
        torch.cuda.synchronize(self._device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._pass()
        return graph.replay

    def __call__(self) -> None:
        """Returns when the work is done."""
        for _ in range(self._times):
            self._play()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
