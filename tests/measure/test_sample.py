"""Enough calls to be timed, one after another or as nodes of a graph."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from proxyfuse.measure import kernels, protocol, sample
from proxyfuse.measure.sample import MOST_NODES, Sample

UPLOAD = 0.02  # seconds that a graph's first replay takes longer


class Clock:
    """Time that passes only where a test says so, however busy the machine is."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Cuda:
    """torch.cuda: what is called while capturing is called again by a replay."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.graphs: list[Graph] = []
        self.stream, self.waits, self.capturing = "own", "default", False
        self.random_numbers = "free"
        self.closes = True  # the end of a capture in which something failed

    def call(self, which: int) -> None:
        self.calls.append(which)

    def synchronize(self, *_: object) -> None:
        assert not self.capturing

    def current_stream(self, *_: object) -> str:
        return self.stream

    def set_stream(self, stream: str) -> None:
        self.stream = stream

    def get_sync_debug_mode(self) -> str:
        return self.waits

    def set_sync_debug_mode(self, mode: str) -> None:
        self.waits = mode

    def CUDAGraph(self) -> Graph:
        self.graphs.append(Graph(self))
        return self.graphs[-1]

    def graph_pool_handle(self) -> tuple[int, int]:
        return 0, len(self.graphs)

    def current_device(self) -> int:
        return 0

    def graph(self, graph: Graph, **_: object) -> Graph:
        return graph


class Graph:
    """As torch's: where the end fails, stream and random numbers stay as they are."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda, self.nodes, self.replays = cuda, list[int](), 0

    def __enter__(self) -> None:
        self._begin = len(self._cuda.calls)
        self._cuda.stream, self._cuda.random_numbers = "capture", "captured"
        self._cuda.capturing = True

    def __exit__(self, kind: object, *_: object) -> None:
        self._cuda.capturing = False
        if kind is not None and not self._cuda.closes:
            raise RuntimeError("operation failed due to a previous error during capture")
        self._cuda.stream, self._cuda.random_numbers = "own", "free"
        self.nodes = self._cuda.calls[self._begin :]

    def replay(self) -> None:
        time.sleep(1e-5 if self.replays else UPLOAD)
        self.replays += 1
        self._cuda.calls += self.nodes


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *size, device: zeros(*size))
    found = Cuda()
    monkeypatch.setattr(torch, "cuda", found)
    return found


def on_gpu(calls: list[Callable[[], object]]) -> Sample:
    device: Any = torch.device("cuda")
    return Sample(calls, device, capture=True)


def test_as_many_calls_as_last_for_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 0.01)
    calls: list[int] = []
    one = Sample([lambda: (calls.append(0), time.sleep(0.001))], torch.device("cpu"))
    assert one.calls in (4, 8, 16) and one.once >= 0.001 and not one.captured
    before = len(calls)
    one()
    assert len(calls) - before == one.calls


@pytest.mark.parametrize("copies", [1, 3, 600, MOST_NODES])
@pytest.mark.parametrize("takes", [0.0, 0.001])
def test_on_a_gpu_all_copies_are_nodes_of_one_graph(cuda: Cuda, copies: int, takes: float) -> None:
    """Equally often, however few Python would have called in time; each was called before."""
    if copies * takes > 0.1:
        return
    runs = [lambda i=i: (cuda.call(i), time.sleep(takes)) for i in range(copies)]  # type: ignore[misc]
    one = on_gpu([*runs])
    (graph,) = cuda.graphs
    counts = [graph.nodes.count(copy) for copy in range(copies)]
    assert one.captured and min(counts) == max(counts) >= 1 and len(graph.nodes) <= MOST_NODES
    assert set(range(copies)) <= set(cuda.calls[: cuda.calls.index(graph.nodes[0], copies)])
    before = len(cuda.calls)
    one()
    assert cuda.calls[before:] == graph.nodes * (one.calls // len(graph.nodes))


def test_the_upload_of_a_graph_is_not_taken_for_its_replay(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SAMPLE", UPLOAD / 2)
    one = on_gpu([lambda: cuda.call(0)])
    assert one.calls > len(cuda.graphs[0].nodes)


def test_a_graph_has_room_for_all_copies() -> None:
    assert MOST_NODES >= kernels.MOST_COPIES


@pytest.mark.parametrize("closes", [True, False])
def test_who_cannot_be_captured_is_called(
    cuda: Cuda, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves stream, random numbers and allocator to those that come next."""
    cuda.closes = closes
    monkeypatch.setattr(protocol, "time", clock := Clock())
    told: list[tuple[int, int] | None] = []
    monkeypatch.setattr(sample, "unwind", lambda _, pool, __: told.append(pool))

    def refuses() -> None:
        if cuda.capturing:
            raise RuntimeError("Cannot get the state of a generator during capture")
        cuda.call(0)
        clock.now += 1e-4

    one = on_gpu([refuses] * 3)
    assert not one.captured and (cuda.stream, cuda.random_numbers) == ("own", "free")
    assert told == [(0, 1)]
    before = len(cuda.calls)
    one()
    assert len(cuda.calls) - before == one.calls and one.calls * 1e-4 >= sample.SAMPLE / 2
    assert on_gpu([lambda: cuda.call(1)] * 2).captured


def test_who_waits_for_the_gpu_is_not_captured_at_all(cuda: Cuda) -> None:
    def waits() -> None:
        if cuda.waits == "error":
            raise RuntimeError("called a synchronizing CUDA operation")
        cuda.call(0)

    assert not on_gpu([waits]).captured
    assert not cuda.graphs and cuda.waits == "default"
