"""A GPU that is not there: what is meant for it lies on the host, and Triton is interpreted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from proxyfuse.engine import devices
from tests.fake.device import World
from tests.fake.engine import put_on
from tests.interpreted import like_a_chip

CARD = SimpleNamespace(name="pretended", L2_cache_size=1 << 12, total_memory=1 << 30)


class OnTheHost(TorchFunctionMode):
    """Whatever is asked for on a GPU is made on the host."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = {name: x for name, x in (kwargs or {}).items() if name != "pin_memory"}
        if func is torch.device:
            return func(*args, **kwargs)
        return func(*map(_here, args), **{name: _here(x) for name, x in kwargs.items()})


class HostGenerator(torch.Generator):
    """No function of torch, so no mode of functions sees where it is asked for."""

    def __new__(cls, device: Any = "cpu") -> HostGenerator:
        return super().__new__(cls, _here(device))


def _here(x: Any) -> Any:
    named = isinstance(x, (str, torch.device)) and str(x).startswith("cuda")
    return torch.device("cpu") if named else x


def pretend(monkeypatch: pytest.MonkeyPatch) -> World:
    """torch.cuda sees a card; engines run over a device that works late, in any order."""
    like_a_chip(monkeypatch)
    changes: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "get_device_properties": lambda *_: CARD,
        "synchronize": lambda *_: None,
        "max_memory_allocated": lambda *_: 0,
        "reset_peak_memory_stats": lambda *_: None,
        "empty_cache": lambda: None,
        "mem_get_info": lambda *_: (CARD.total_memory // 2, CARD.total_memory),
        "CUDAGraph": lambda: SimpleNamespace(replay=lambda: None),
        "graph": lambda *_, **__: nullcontext(),
        "graph_pool_handle": lambda: (0, 1),
        "current_stream": lambda *_: None,
        "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": lambda *_: None,
    }
    for name, change in changes.items():
        monkeypatch.setattr(torch.cuda, name, change)
    monkeypatch.setattr(torch, "compile", lambda run, **_: run)
    monkeypatch.setattr(torch, "Generator", HostGenerator)
    world = World(0)
    put_on(world, monkeypatch)
    monkeypatch.setattr(devices, "find_device", lambda *_: torch.device("cpu"))
    return world
