"""An engine over a fake device: opened like any other, with the host kept from waiting."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from proxyfuse.engine import devices
from proxyfuse.runner.runner import Runner
from proxyfuse.runner.stage_plain import PlainStage
from tests.fake.device import FakeDevice, Misuse, World
from tests.fake.ops import FakeOps, fake_draw

READS = ("tolist", "item", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__")


class NoReads(TorchFunctionMode):
    """No tensor is looked at from the host."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in READS:
            raise Misuse(f"the host calls {func.__name__} in the middle of a launch")
        return func(*args, **(kwargs or {}))


def put_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines opened from now on run on a device of this world; a graph can hold its calls."""
    device, other = FakeDevice(world, "gpu0"), FakeDevice(world, "gpu1")
    ops = FakeOps(device)
    monkeypatch.setattr(devices, "find_device", lambda name, _="": torch.device(name))
    monkeypatch.setattr(devices, "beside_host", lambda at: other if at.index else device)

    def calls(vocab: int, _: object = None) -> devices.Calls:
        return devices.Calls(PlainStage(fake_draw(device, vocab), ops), ops, True)

    monkeypatch.setattr(devices, "calls", calls)
    make = Runner.__init__

    def made(self: Runner, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        ops.harmless = self.arenas.base.pages - 1 if kwargs["pads"] else None

    monkeypatch.setattr(Runner, "__init__", made)
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
