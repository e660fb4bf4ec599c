"""A matrix of weights in 8 bits: e4m3, with one float32 scale for each output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

MOST = 448.0  # the largest finite number of e4m3
STEP, LEAST = 2.0**-4, 2.0**-10  # half a unit: of a normal number relative, of a subnormal absolute
SMALLEST = torch.finfo(torch.float32).tiny  # of scales: below it float32 loses digits


@dataclass(frozen=True, slots=True)
class Quantised:
    """Stands for scales[:, None] * values; rows of it are outputs, as everywhere."""

    values: Tensor  # [N, K] float8_e4m3fn
    scales: Tensor  # [N] float32

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, group: int) -> Quantised:
        """One of several that lie side by side: values [groups, N, K], scales [groups, N]."""
        return Quantised(self.values[group], self.scales[group])

    @property
    def shape(self) -> torch.Size:
        """Outputs and inputs: [N, K]."""
        return self.values.shape

    @property
    def nbytes(self) -> int:
        """Bytes of both."""
        return int(self.values.nbytes + self.scales.nbytes)

    def float(self) -> Tensor:  # [N, K] float32
        """The matrix that it stands for."""
        return self.values.float() * self.scales[:, None]

    def split(self, sizes: Sequence[int]) -> tuple[Quantised, ...]:
        """Views of so many rows each, as `Tensor.split`."""
        values = torch.split(self.values, list(sizes))
        return tuple(map(Quantised, values, torch.split(self.scales, list(sizes))))


Weight: TypeAlias = Tensor | Quantised  # what a product takes


def quantise(weight: Tensor) -> Quantised:
    """weight [N, K] in 8 bits: a row's largest becomes 448, everything else the nearest of e4m3.

    Each weight is off by at most max(STEP * |w|, LEAST * scale), but for float32's own rounding.
    Raises ValueError where a weight is not finite.
    """
    wide = weight.float()
    largest = wide.abs().amax(dim=1)
    if not largest.isfinite().all():
        raise ValueError("weight: got numbers that are not finite, want none")
    scales = (largest / MOST).clamp(min=SMALLEST)  # also where all are zero
    scaled = (wide / scales[:, None]).clamp(-MOST, MOST)
    return Quantised(scaled.to(torch.float8_e4m3fn), scales)
