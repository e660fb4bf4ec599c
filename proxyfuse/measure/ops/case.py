"""One operation at one size: what goes in, who computes it, and a gate that wrong results fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from proxyfuse.errors import EngineError
from proxyfuse_kernels import cpu

if TYPE_CHECKING:
    from proxyfuse_kernels._cpu import Team

Buffers = dict[str, Tensor]
Run = Callable[[], Tensor | None]  # None: the result stands in the buffers
Implementation = Callable[[Buffers], Run]  # made ready once for fixed buffers, then run many times
Judge = Callable[[str, Implementation], None]  # by name; raises `WrongResultError`

RIVALS = ("torch", "torch, compiled", "flashinfer")  # the versions that are not ours
BLOCK = 1_000_003  # random values of a large tensor; no row width divides it
FLOAT32_SLACK = 2**-14  # relative: float32 sums of some thousand terms, in any order


class WrongResultError(EngineError):
    """An implementation computes something else than the reference; there is nothing to time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where operations run."""

    device: torch.device
    team: Team | None = None  # threads of compiled kernels; None on a GPU, or where none were built
    isas: tuple[str, ...] = ()  # whose kernels are compared, the fastest first

    @classmethod
    def of(cls, device: str = "auto", threads: int | None = None, every: bool = False) -> Place:
        """A device by its name, "auto" for the GPU if there is one; threads: all cores.

        every: not the best instruction set's kernels alone, but those of each.
        """
        found = "cuda" if torch.cuda.is_available() else "cpu"
        chosen = torch.device(found if device == "auto" else device)
        if chosen.type != "cpu" or not cpu.available():
            return cls(chosen)
        team = cpu.new_team(threads or len(os.sched_getaffinity(0)))
        return cls(chosen, team, tuple(cpu.isas()[: None if every else 1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation at one size."""

    op: str
    sizes: dict[str, int | str]
    bytes: int  # that any implementation must read or write
    make: Callable[[], Buffers]  # the buffers of one call, random, never zeros
    implementations: dict[str, Implementation]
    gate: Callable[[Buffers], Judge]  # the judge knows what is right for these

    @property
    def family(self) -> tuple[object, ...]:
        """What it has in common with the same case for another number of rows."""
        return self.op, *(size for name, size in self.sizes.items() if name != "rows")

    def __str__(self) -> str:
        return f"{self.op} " + ", ".join(f"{name} {size}" for name, size in self.sizes.items())


def noise(*shape: int, dtype: torch.dtype, device: torch.device, scale: float = 1.0) -> Tensor:
    """Normal values; large tensors repeat a block of them."""
    size = min(torch.Size(shape).numel(), BLOCK)
    return repeated(torch.randn(size, device=device).mul_(scale).to(dtype), *shape)


def repeated(block: Tensor, *shape: int) -> Tensor:
    """The block's values again and again, as many as the shape has."""
    size = torch.Size(shape).numel()
    return block.repeat(-(-size // len(block)))[:size].view(shape)


def unwritten(*shape: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Room for a result: NaN, so that what nobody writes shows."""
    return torch.full(shape, torch.nan, dtype=dtype, device=device)


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """By torch, for the shapes at hand alone; raises where torch would fall back to eager.

    After a second shape it would compile for any, and after eight give up without a word: whoever
    times several cases calls `torch.compiler.reset()` before each.
    """
    return torch.compile(function, dynamic=False, fullgraph=True)


def require_close(name: str, got: Tensor, want: Tensor) -> None:
    """Raise `WrongResultError` unless the two differ by no more than roundings of their type.

    Ours round once, torch's own may round in between: two roundings at the largest value, and one
    on average, which is a fraction of what a key or an input left out of a thousand makes.
    """
    if got.shape != want.shape:
        shapes = f"{tuple(got.shape)}, want {tuple(want.shape)}"
        raise WrongResultError(f"{name}: got a result of shape {shapes}")
    slack = 0.0  # of ids
    if want.is_floating_point():
        slack = max(torch.finfo(got.dtype).eps, torch.finfo(want.dtype).eps, FLOAT32_SLACK)
    exact = want.double()
    error = got.double() - exact
    for how, size, allowed in (("at most", _largest, 2 * slack), ("on average", _root, slack)):
        apart, most = size(error), allowed * size(exact)
        if not apart <= most:  # NaN too
            wanted = f"want {most:.3g}"
            raise WrongResultError(f"{name}: got {apart:.3g} from the reference {how}, {wanted}")


def _largest(x: Tensor) -> float:
    return float(x.abs().max())


def _root(x: Tensor) -> float:
    return float(x.square().mean().sqrt())
