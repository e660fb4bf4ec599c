"""Host arrays with device twins: written by name on the host, sent down in one copy."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from math import prod

import numpy as np
import torch
from torch import Tensor

from proxyfuse.runner.device import Device

ALIGNMENT = 64  # bytes; a cache line, and enough for every vector load
TWINS = 2  # a flight's host memory is used again by the next but one, which it has landed before

Field = tuple[tuple[int, ...], torch.dtype]
Fields = Mapping[str, Field]


def starts_of(fields: Fields) -> tuple[dict[str, int], int]:
    """Where each array begins when they are laid end to end, in bytes, and what they take."""
    starts, size = {}, 0
    for name, (shape, dtype) in fields.items():
        starts[name] = size
        size += -(-prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT
    return starts, size


def arrays_in(memory: Tensor, fields: Fields) -> dict[str, Tensor]:
    """The arrays that lie in the memory [size] uint8, by name."""
    starts, _ = starts_of(fields)
    return {
        name: memory[starts[name] :][: prod(shape) * dtype.itemsize].view(dtype).view(shape)
        for name, (shape, dtype) in fields.items()
    }


class Staging:
    """Named arrays laid end to end in one buffer.

    `host[name]` is a numpy view to write to, `device[name]` the tensor that kernels read. Where the
    host computes they are one memory and `upload` does nothing. Addresses never change.
    """

    def __init__(self, fields: Fields, device: Device | None) -> None:
        """`device`: None where the host computes."""
        self._starts, size = starts_of(fields)
        self._written = torch.zeros(size, dtype=torch.uint8)
        self._to = device
        self._target = self._written if device is None else device.zeros(size)
        self._pinned = cycle([device.pinned(size) for _ in range(TWINS)] if device else [])
        self.words = self._target.view(torch.int32)  # all of it, as the device has it
        written = arrays_in(self._written, fields)
        self.host: dict[str, np.ndarray] = {name: x.numpy() for name, x in written.items()}
        self.device = arrays_in(self._target, fields)

    def word(self, name: str) -> int:
        """Where in `words` an array of 32-bit numbers begins."""
        return self._starts[name] // 4

    def upload(self) -> None:
        """Begin the one copy down; the host may write again at once."""
        if self._to is not None:
            pinned = next(self._pinned)
            pinned.copy_(self._written)
            self._to.copy(pinned, self._target)
