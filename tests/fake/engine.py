"""An engine over a fake device: opened like any other, with the host kept from waiting."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from proxyfuse.config import EngineConfig
from proxyfuse.engine import devices
from proxyfuse.engine.devices import Calls
from proxyfuse.runner.runner import Runner
from proxyfuse_kernels.proxy_sample import Sampler
from proxyfuse_kernels.reference import ReferenceOps
from tests.fake.device import FakeDevice, Misuse, World
from tests.fake.ops import FakeOps, fake_draw

READS = ("tolist", "item", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__")


class NoReads(TorchFunctionMode):
    """No tensor is looked at from the host."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in READS:
            raise Misuse(f"the host calls {func.__name__} in the middle of a launch")
        return func(*args, **(kwargs or {}))


def plain_calls(config: EngineConfig, at: torch.device, vocab: int, samples: int) -> Calls:
    """Plain torch's operations, and the sampler that a CPU has."""
    return Calls(Sampler(vocab).into, ReferenceOps(), fit=True)


def put_on(
    world: World, monkeypatch: pytest.MonkeyPatch, make_calls: Callable[..., Calls] = plain_calls
) -> None:
    """Engines opened from now on run on a device of this world; a graph can hold its calls.

    make_calls: as `devices.calls`, what does the device's work.
    """
    device, other = FakeDevice(world, "gpu0"), FakeDevice(world, "gpu1")
    made: list[FakeOps] = []
    monkeypatch.setattr(devices, "find_device", lambda name, _="": torch.device(name))
    monkeypatch.setattr(devices, "beside_host", lambda at: other if at.index else device)

    def calls(*of: Any) -> Calls:
        draw, ops, _ = make_calls(*of)
        made.append(FakeOps(device, ops))
        return Calls(fake_draw(device, draw), made[-1], fit=True)

    monkeypatch.setattr(devices, "calls", calls)
    make = Runner.__init__

    def init(self: Runner, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        made[-1].harmless = self.arenas.base.pages - 1 if kwargs["pads"] else None

    monkeypatch.setattr(Runner, "__init__", init)
    monkeypatch.setattr(Runner, "launch", _watched(world, Runner.launch))


def _watched(world: World, launch: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(launch)
    def watched(*args: Any, **kwargs: Any) -> Any:
        world.launching = True
        try:
            with NoReads():
                return launch(*args, **kwargs)
        finally:
            world.launching = False

    return watched
