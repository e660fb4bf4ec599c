"""A pickled state dict, loaded as weights only: no code in it can run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import torch
from torch import Tensor

from proxyfuse.errors import WeightsError


@dataclass(frozen=True, slots=True)
class Unpickled:
    """A tensor of a pickled file, mapped from it where its format allows."""

    file: Path
    name: str
    tensor: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> torch.dtype:
        """The tensor's type."""
        return self.tensor.dtype

    def pieces(self, step: int = 1) -> Iterator[Tensor]:
        """All of it, flat; for a checkpoint of this format the whole is one piece."""
        yield self.tensor.reshape(-1)

    def copy_to(self, place: Tensor) -> None:
        """Convert and copy into a tensor of the same shape."""
        place.copy_(self.tensor)


def read_pickle(file: Path) -> Iterator[tuple[str, Unpickled]]:
    """The tensors of a file by name.  Raises `WeightsError` where it holds anything else."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except Exception as error:  # a corrupt pickle may raise anything
        reason = str(error).strip().partition("\n")[0]
        raise WeightsError(f"{file}: does not load as weights only: {reason}") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{file}: want a state dict, got {type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise WeightsError(f"{file}: {name}: want a tensor of floats, got {tensor!r:.60}")
        yield str(name), Unpickled(file, str(name), tensor)
