"""Calls of one version of an operation, as many as a clock can tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch

from proxyfuse.captures import unwind
from proxyfuse.measure.protocol import seconds

SAMPLE = 0.003  # seconds that one timing lasts at least, of as many calls as that takes
MOST_CALLS = 1 << 14
MOST_NODES = 1024  # calls in one graph: as many as there are copies of the inputs, or more


class Sample:
    """A run of `calls` calls, one prepared for each copy of the inputs, one copy after another.

    capture: where that works they are nodes of a CUDA graph, as an engine's are. What Python and
    the driver take to launch a kernel is often longer than it runs, and would be all that is seen.
    """

    def __init__(
        self, calls: Sequence[Callable[[], object]], device: torch.device, capture: bool = False
    ) -> None:
        self._runs, self._copies = itertools.cycle(calls), len(calls)
        self._device = device
        self._each, self._times = 1, 1  # calls of a pass, and how often it is played
        self._play: Callable[[], object] = self._pass
        self()  # wakes threads, compiles
        self.once = spent = seconds(self)  # of one call
        while spent < SAMPLE and self._each < MOST_CALLS:
            self._each *= 2
            spent = seconds(self)
        self.captured = capture and self._capture()

    @property
    def calls(self) -> int:
        """In one run."""
        return self._each * self._times

    def _pass(self) -> None:
        for call in itertools.islice(self._runs, self._each):
            call()

    def _capture(self) -> bool:
        """Play a graph of whole rounds of the copies from now on; False where that is refused."""
        uncaptured = self._each
        self._each = max(min(uncaptured, MOST_NODES) // self._copies, 1) * self._copies
        self()  # what is compiled at the first call of a copy cannot be while capturing
        try:
            self._require_no_wait()
            graph = self._graph()
        except RuntimeError:
            self._each = uncaptured
            return False
        self._play = graph.replay
        self()  # the first replay uploads the graph
        while seconds(self) < SAMPLE and self._times < MOST_CALLS:
            self._times *= 2
        return True

    def _require_no_wait(self) -> None:
        """Raise what torch does at a call that waits for the GPU, before it spoils a capture."""
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            next(self._runs)()
        finally:
            torch.cuda.set_sync_debug_mode(before)

    def _graph(self) -> torch.cuda.CUDAGraph:
        """One pass, captured; raises `RuntimeError` where a call cannot be.

        Where the end of a capture fails too, `torch.cuda.graph` leaves its own stream current and
        the generator of random numbers capturing, which the next capture to end well sets right;
        and the allocator, which is told, may take it for one that goes on.
        """
        stream, graph = torch.cuda.current_stream(self._device), torch.cuda.CUDAGraph()
        pool = torch.cuda.graph_pool_handle()
        try:
            with torch.cuda.graph(graph, pool=pool):
                self._pass()
        except RuntimeError:
            torch.cuda.set_stream(stream)
            unwind(graph, pool, torch.cuda.current_device())
            with torch.cuda.graph(torch.cuda.CUDAGraph()):
                torch.zeros(1, device=self._device)
            raise
        return graph

    def __call__(self) -> None:
        """Returns when the work is done."""
        for _ in range(self._times):
            self._play()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
