"""What the runner asks of a device beside the host: streams, events, copies and graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor


class Event(Protocol):
    """A point on a stream: that of its last recording."""

    def synchronize(self) -> None:
        """The host waits until everything before it is done."""


class Stream(Protocol):
    """Work in order; streams run beside each other. Its events are those of its own device."""

    def record_event(self, event: Any) -> object:
        """The event is the point behind all work that the stream was given so far."""

    def wait_event(self, event: Any) -> object:
        """Work given from now on begins after the event as it was last recorded."""


class Device(Protocol):
    """One accelerator. Nothing but `Event.synchronize` and `capture` makes the host wait."""

    at: torch.device  # where tensors lie

    def stream(self) -> Stream:
        """A new one."""

    def event(self) -> Event:
        """A new one, not recorded yet."""

    def on(self, stream: Stream) -> AbstractContextManager[object]:
        """Operations and copies called inside are given to the stream."""

    def pinned(self, size: int) -> Tensor:  # [size] uint8, zeros
        """Host memory that copies read and write while the host goes on."""

    def zeros(self, size: int) -> Tensor:  # [size] uint8
        """Memory on the device; ready when this returns."""

    def tensor(self, values: Sequence[float] | np.ndarray, dtype: torch.dtype) -> Tensor:
        """The values on the device, on their way down behind what the stream was given before."""

    def copy(self, source: Tensor, target: Tensor) -> None:
        """Begin a copy between pinned memory and the device; both stay as they are until then."""

    def bring(self, source: Tensor, target: Tensor, origin: Device) -> None:
        """Begin a copy from another device to this one.

        It begins behind what the current streams of both were given, and both go on behind it.
        """

    def capture(self, work: Callable[[], object], stream: Stream) -> Callable[[], object]:
        """What `work` gives to the stream, and to others between fork and join, as one call.

        Nothing of it runs now. Streams that waited for the stream's events must be waited for by it
        before `work` ends. Captures of one stream share a pool of memory, so that their calls must
        not overlap: they do not where all are called on it.
        """
