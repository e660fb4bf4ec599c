"""A capture that fails, over a torch.cuda that keeps of it what torch does."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from proxyfuse.runner.device_cuda import CudaDevice

Pool = tuple[int, int]


class Graph:
    """Captured by `Torch.graph`."""

    def replay(self) -> None:
        """Nothing."""


class Torch:
    """The pools that the allocator takes for those of captures underway, and who holds each.

    unwinds: the end of a spoiled capture tells the allocator that it is over, as later versions do.
    ends: it does not fail. begins: nor does its beginning.
    """

    def __init__(self, unwinds: bool, ends: bool) -> None:
        self.unwinds, self.ends, self.begins = unwinds, ends, True
        self.underway: list[Pool] = []
        self.held: Counter[Pool] = Counter()
        self._handles = iter(range(1, 99))

    def graph_pool_handle(self) -> Pool:
        return 0, next(self._handles)

    @contextmanager
    def graph(self, graph: Graph, pool: Pool, **_: Any) -> Iterator[None]:
        self.held[pool] += 1
        assert pool not in self.underway, "already recording"
        self.underway.append(pool)
        if not self.begins:
            raise RuntimeError("the stream is capturing already")
        try:
            yield
        finally:
            spoilt = sys.exc_info()[0] is not None
            if not spoilt or self.ends or self.unwinds:
                self.underway.remove(pool)
            if spoilt and not self.ends:
                raise RuntimeError("operation failed due to a previous error during capture")
            self.held[pool] -= spoilt  # with the graph, which nobody keeps

    def end(self, device: int, pool: Pool) -> None:
        if pool not in self.underway:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.underway.remove(pool)

    def release(self, device: int, pool: Pool) -> None:
        self.held[pool] -= 1
        assert self.held[pool] >= 0


Make = Callable[..., tuple[Torch, CudaDevice, Any]]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """The device over such a torch, and a stream."""

    def make(unwinds: bool = False, ends: bool = False) -> tuple[Torch, CudaDevice, Any]:
        fake = Torch(unwinds, ends)
        cuda = {name: getattr(fake, name) for name in ("graph", "graph_pool_handle")}
        monkeypatch.setattr(torch, "cuda", SimpleNamespace(**cuda, CUDAGraph=Graph, Stream=object))
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", fake.end, raising=False)
        monkeypatch.setattr(torch._C, "_cuda_releasePool", fake.release, raising=False)
        return fake, CudaDevice(torch.device("cuda", 0)), object()

    return make


def spoil() -> None:
    try:
        raise KeyError("cause")
    except KeyError as cause:
        raise torch.OutOfMemoryError("spoilt") from cause


@pytest.mark.parametrize(
    ("unwinds", "ends"), [(False, False), (True, False), (False, True)], ids=["old", "new", "ends"]
)
def test_a_capture_that_failed_is_over(make: Make, unwinds: bool, ends: bool) -> None:
    """Whoever began it hears what spoiled it; the next ones are captured, in one pool again."""
    fake, device, stream = make(unwinds, ends)
    device.capture(lambda: None, stream)
    (before,) = fake.held
    with pytest.raises(torch.OutOfMemoryError, match="spoilt") as raised:
        device.capture(spoil, stream)
    assert isinstance(raised.value.__cause__, KeyError), "and its own cause"
    assert not fake.underway
    assert fake.held[before] == 1 + (unwinds and not ends), "the first graph's; new torch keeps its"
    held = fake.held.copy()
    for _ in range(2):
        device.capture(lambda: None, stream)
    ((pool, graphs),) = (fake.held - held).items()
    assert graphs == 2 and pool != before


@pytest.mark.parametrize("unwinds", [False, True])
def test_a_graph_that_may_be_asked_stays(make: Make, unwinds: bool) -> None:
    gc.collect()
    before = sum(type(it) is Graph for it in gc.get_objects())
    _, device, stream = make(unwinds)
    with pytest.raises(torch.OutOfMemoryError):
        device.capture(spoil, stream)
    device.capture(lambda: None, stream)
    gc.collect()
    assert sum(type(it) is Graph for it in gc.get_objects()) - before == (not unwinds)


def test_a_capture_that_cannot_begin_is_over_too(make: Make) -> None:
    fake, device, stream = make()
    fake.begins = False
    with pytest.raises(RuntimeError, match="the stream is capturing already"):
        device.capture(lambda: None, stream)
    assert not fake.underway and not any(fake.held.values())


def test_streams_that_run_beside_each_other_share_no_pool(make: Make) -> None:
    fake, device, stream = make()
    for at in (stream, object(), stream):
        device.capture(lambda: None, at)
    assert sorted(fake.held.values()) == [1, 2]


def test_arrays_are_pinned_after_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch sees a GPU, it refuses to make a pinned tensor of numpy's."""
    make = torch.tensor

    def as_with_a_gpu(values: object, *, pin_memory: bool = False, **how: Any) -> torch.Tensor:
        if pin_memory and isinstance(values, np.ndarray):
            raise RuntimeError("Can't pin tensor constructed from numpy")
        return make(values, **how)

    monkeypatch.setattr(torch, "tensor", as_with_a_gpu)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    device = CudaDevice.__new__(CudaDevice)
    device.at = torch.device("cpu")
    values: Any
    for values in (np.array([[3, 4]], np.int32), [[3, 4]]):
        assert device.tensor(values, torch.int32).tolist() == [[3, 4]]
    assert device.tensor([], torch.int32).shape == (0,)
