"""A kernel's arguments, as they go to the process that interprets it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from triton.runtime.jit import JITFunction

from tests.pretended.aliases import check, placed, replaced


@dataclass(frozen=True)
class Place:
    """A tensor of a GPU."""

    at: int  # address
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class Function:
    """A jitted function, by its name."""

    module: str
    name: str

    def found(self) -> Any:
        return getattr(importlib.import_module(self.module), self.name)


@dataclass(frozen=True)
class Launch:
    """kernel[grid](*args, **kwargs)"""

    kernel: Function
    grid: tuple[int, ...]
    args: Any
    kwargs: Any


def packed(x: Any, device: torch.device) -> Any:
    """Raises `ValueError` for a tensor of the host, or of another device."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            if leaf.device != device:
                raise ValueError(f"got a tensor on {leaf.device} for a kernel on {device}")
            check(leaf)
            return Place(leaf.data_ptr(), leaf.dtype, tuple(leaf.shape), tuple(leaf.stride()))
        return name_of(leaf) if isinstance(leaf, JITFunction) else leaf

    return replaced(x, one)


def name_of(kernel: JITFunction[Any]) -> Function:
    return Function(kernel.fn.__module__, kernel.fn.__name__)


def unpacked(x: Any, storage: torch.UntypedStorage, base: int) -> Any:
    """storage: all devices' memory, which begins at base."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, Function):
            return leaf.found()
        if not isinstance(leaf, Place):
            return leaf
        if leaf.at == 0:
            return torch.empty_strided(leaf.shape, leaf.stride, dtype=leaf.dtype)
        return placed(storage, leaf.at - base, leaf.dtype, leaf.shape, leaf.stride)

    return replaced(x, one, (Function, Place))
