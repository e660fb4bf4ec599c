"""The floor of a token: the time to read the weights it needs once, at the rate of a plain read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from proxyfuse.measure.spread import Spread
from proxyfuse.models.config import ModelConfig, read_config
from proxyfuse.models.dummy import seed_of
from proxyfuse.models.loading import weights_bytes
from proxyfuse.models.weights import lookup_bytes
from proxyfuse.trio import Role

STREAMED = {"cpu": 512 << 20, "cuda": 4 << 30}  # bytes by device; many times any cache


class ReadStream:
    """A run that reads `bytes` of the device's memory with all of it and writes nothing."""

    def __init__(self, device: torch.device | str = "cpu", size: int | None = None) -> None:
        device = torch.device(device)
        self.bytes = size or STREAMED[device.type]
        self._data = torch.ones(self.bytes // 4, device=device)

    def __call__(self) -> float:
        """Returns when the last byte is read."""
        return float(self._data.sum())


def share_of_floor(
    read: Sequence[float], spent: Sequence[float], stream_bytes: int, weight_bytes: int
) -> Spread:
    """Floor over measured time, pair by pair: 1 is all that the memory gives.

    `read` are seconds of a `ReadStream` of `stream_bytes`, `spent` seconds a token in the same
    rounds. Weights that a cache keeps, and drafts that are accepted, may beat the floor.
    """
    pairs = zip(read, spent, strict=True)
    return Spread.of([weight_bytes / stream_bytes * floor / token for floor, token in pairs])


def streamed_weights(total: int, config: ModelConfig, dtype: torch.dtype) -> int:
    """Of `total` bytes of weights, those a step reads: all but a lookup table that is no head."""
    return total - lookup_bytes(config, dtype.itemsize)


def bytes_a_token(
    folders: Mapping[Role, Path],
    dtype: torch.dtype,
    roles: Sequence[Role] = tuple(Role),
    base_quantization: str | None = None,
    load_format: str = "auto",
) -> int:
    """Bytes of weights that a batch-1 step of `roles` reads, of those that `folders` has."""
    total = 0
    for role in (role for role in roles if role in folders):
        config, kept = read_config(folders[role]), base_quantization if role is Role.BASE else None
        held = weights_bytes(folders[role], config, dtype, kept, seed_of(load_format, role))
        total += streamed_weights(held, config, dtype)
    return total
