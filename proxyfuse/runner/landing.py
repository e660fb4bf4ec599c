"""What launches leave on the device, brought up in one copy."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import torch

from proxyfuse.runner.device import Device
from proxyfuse.runner.staging import TWINS, Fields, arrays_in, starts_of


class Landing:
    """Named arrays laid end to end in one buffer on the device, with twins on the host.

    Where the host computes they are one memory, and `rise` copies nothing.
    """

    def __init__(self, fields: Fields, device: Device | None) -> None:
        """`device`: None where the host computes."""
        _, size = starts_of(fields)
        self._from = device
        self._memory = device.zeros(size) if device else torch.zeros(size, dtype=torch.uint8)
        self.device = arrays_in(self._memory, fields)
        pinned = [device.pinned(size) for _ in range(TWINS)] if device else [self._memory]
        self._twins = cycle([(memory, _numpy(memory, fields)) for memory in pinned])

    def rise(self) -> Mapping[str, np.ndarray]:
        """Begin the copy up; the arrays that it goes to, which the next but one overwrites."""
        memory, arrays = next(self._twins)
        if self._from is not None:
            self._from.copy(self._memory, memory)
        return arrays


def _numpy(memory: torch.Tensor, fields: Fields) -> dict[str, np.ndarray]:
    """Views that cost a tenth of a tensor's to cut and read, which a step does a dozen times."""
    return {name: array.numpy() for name, array in arrays_in(memory, fields).items()}
