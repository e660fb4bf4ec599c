"""Device memory as the host sees it: tensors of the CPU over the same bytes."""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from tests.pretended import driver

SIMPLE = (Tensor, int, float, str, torch.dtype, torch.device, type(None))  # seen most often


class Beyond(RuntimeError):
    """A tensor that reaches over the block it lies in, or into memory that was given back."""


def over(base: int, size: int) -> torch.UntypedStorage:
    """The memory there as a storage."""
    whole = (ctypes.c_uint8 * size).from_address(base)
    return torch.frombuffer(whole, dtype=torch.uint8).untyped_storage()


def placed(
    storage: torch.UntypedStorage, offset: int, dtype: torch.dtype, shape: Any, stride: Any
) -> Tensor:
    """offset: bytes from where the storage begins."""
    tensor = torch.empty(0, dtype=dtype)
    return tensor.set_(storage, offset // tensor.element_size(), shape, stride)


@cache
def _devices() -> tuple[torch.UntypedStorage, int]:
    memory = driver.memory()
    return over(memory.base, memory.size), memory.base


def alias(tensor: Tensor) -> Tensor:
    """The same bytes on the host. Raises `Beyond`."""
    if tensor.numel() == 0:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
    check(tensor)
    storage, base = _devices()
    offset = tensor.data_ptr() - base
    return placed(storage, offset, tensor.dtype, tensor.shape, tensor.stride())


def check(tensor: Tensor) -> None:
    """Raises `Beyond`; for the alias of a tensor as for the tensor."""
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    size = (last + 1) * tensor.element_size()
    if tensor.numel() > 0 and not driver.is_in_block(tensor.data_ptr(), size):
        raise Beyond(f"got a tensor {tuple(tensor.shape)} of {size} bytes beyond its block")


def replaced(x: Any, one: Callable[[Any], Any], whole: tuple[type, ...] = ()) -> Any:
    """The same structure of tuples, lists, dicts and dataclasses, its leaves as `one` wants them.

    whole: dataclasses that are leaves.
    """
    if isinstance(x, whole):
        return one(x)
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        fields = {f.name: getattr(x, f.name) for f in dataclasses.fields(x)}
        return type(x)(**{name: replaced(value, one, whole) for name, value in fields.items()})
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(replaced(item, one, whole) for item in x))
    if isinstance(x, tuple | list):
        return type(x)(replaced(item, one, whole) for item in x)
    if isinstance(x, dict):
        return {name: replaced(value, one, whole) for name, value in x.items()}
    return one(x)


def leaves(x: Any) -> list[Any]:
    """All leaves of such a structure."""
    if isinstance(x, SIMPLE):
        return [x]
    if isinstance(x, tuple | list):
        return [leaf for item in x for leaf in leaves(item)]
    if isinstance(x, dict):
        return leaves(list(x.values()))
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return leaves([getattr(x, f.name) for f in dataclasses.fields(x)])
    return [x]


def on_devices(x: Any) -> list[Tensor]:
    """The leaves that are tensors of a GPU."""
    return [leaf for leaf in leaves(x) if isinstance(leaf, Tensor) and leaf.is_cuda]
