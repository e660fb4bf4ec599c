"""An NVIDIA GPU, over torch.cuda."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from proxyfuse.captures import unwind
from proxyfuse.runner.device import Device, Event, Stream


class CudaDevice:
    """One GPU: torch's own streams and events, and for each stream a pool that its graphs share."""

    def __init__(self, at: torch.device) -> None:
        index = torch.cuda.current_device() if at.index is None else at.index
        self.at = torch.device("cuda", index)
        self._pools: dict[Stream, Any] = {}  # torch's own handles

    def stream(self) -> Stream:
        """A new one, behind what was given to the default stream so far: weights, say."""
        stream: torch.cuda.Stream = torch.cuda.Stream(self.at)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.default_stream(self.at))
        return stream

    def event(self) -> Event:
        """A new one, without timing."""
        event: torch.cuda.Event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        return event

    def on(self, stream: Stream) -> AbstractContextManager[object]:
        """Make the stream, and its device, the current ones."""
        assert isinstance(stream, torch.cuda.Stream)
        return torch.cuda.stream(stream)

    def pinned(self, size: int) -> Tensor:
        """Page-locked host memory."""
        return torch.zeros(size, dtype=torch.uint8, pin_memory=True)

    def zeros(self, size: int) -> Tensor:
        """Device memory; waits until it is cleared, whichever stream is the current one."""
        memory = torch.zeros(size, dtype=torch.uint8, device=self.at)
        torch.cuda.current_stream(self.at).synchronize()
        return memory

    def tensor(self, values: Sequence[float] | np.ndarray, dtype: torch.dtype) -> Tensor:
        """By way of pinned memory, which torch keeps until the copy is done."""
        there = torch.tensor(values, dtype=dtype).pin_memory()  # at once it takes no numpy arrays
        return there.to(self.at, non_blocking=True)

    def copy(self, source: Tensor, target: Tensor) -> None:
        """On the current stream."""
        target.copy_(source, non_blocking=True)

    def bring(self, source: Tensor, target: Tensor, origin: Device) -> None:
        """Torch orders the current streams of both devices around a copy between them."""
        target.copy_(source, non_blocking=True)

    def capture(self, work: Callable[[], object], stream: Stream) -> Callable[[], object]:
        """A CUDA graph; other threads may use the GPU meanwhile. Raises what `work` raises."""
        assert isinstance(stream, torch.cuda.Stream)
        if stream not in self._pools:
            self._pools[stream] = torch.cuda.graph_pool_handle()
        pool = self._pools[stream]
        graph, mode = torch.cuda.CUDAGraph(), "thread_local"
        spoiled: BaseException | None = None
        try:
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode=mode):
                try:
                    work()
                except BaseException as failure:
                    spoiled = failure
                    raise
        except BaseException as failure:
            del self._pools[stream]
            unwind(graph, pool, self.at.index)
            first = spoiled or failure  # the end of a spoiled capture says less
            raise first from first.__cause__
        return graph.replay
