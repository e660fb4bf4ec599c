"""Host arrays with device twins: written by name on the host, sent down in one copy."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
import torch
from torch import Tensor

ALIGNMENT = 64  # bytes; a cache line, and enough for every vector load

Fields = Mapping[str, tuple[tuple[int, ...], torch.dtype]]


class Staging:
    """Named arrays laid end to end in one buffer.

    `host[name]` is a numpy view to write to, `device[name]` the tensor that kernels read. On the
    CPU they are one memory and `upload` does nothing. Addresses never change.
    """

    def __init__(self, fields: Fields, device: torch.device) -> None:
        starts, size = {}, 0
        for name, (shape, dtype) in fields.items():
            starts[name] = size
            size += -(-prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        on_cpu = device.type == "cpu"
        self._source = torch.zeros(size, dtype=torch.uint8, pin_memory=not on_cpu)
        self._target = self._source if on_cpu else torch.zeros_like(self._source, device=device)
        self.words = self._target.view(torch.int32)  # all of it, as the device has it
        self._starts = starts
        self.host: dict[str, np.ndarray] = {}
        self.device: dict[str, Tensor] = {}
        for name, (shape, dtype) in fields.items():
            cut = slice(starts[name], starts[name] + prod(shape) * dtype.itemsize)
            self.host[name] = self._source[cut].view(dtype).view(shape).numpy()
            self.device[name] = self._target[cut].view(dtype).view(shape)

    def word(self, name: str) -> int:
        """Where in `words` an array of 32-bit numbers begins."""
        return self._starts[name] // 4

    def upload(self) -> None:
        """Begin the one copy down."""
        if self._target is not self._source:
            self._target.copy_(self._source, non_blocking=True)
