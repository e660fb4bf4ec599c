"""Enough calls to be timed, one after another or as nodes of a graph."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch

from proxyfuse.measure import sample
from proxyfuse.measure.sample import MOST_NODES, Sample


class Graph:
    """What was called while it was captured is called again by a replay."""

    latest: Graph

    def __init__(self, calls: list[int]) -> None:
        self._calls, self._kept = calls, slice(0)
        Graph.latest = self

    def __enter__(self) -> None:
        self._begin = len(self._calls)

    def __exit__(self, *_: object) -> None:
        self.nodes = self._calls[self._begin :]

    def replay(self) -> None:
        time.sleep(1e-5)
        self._calls += self.nodes


def test_as_many_calls_as_last_for_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 0.01)
    calls: list[int] = []
    one = Sample([lambda: (calls.append(0), time.sleep(0.001))], torch.device("cpu"))
    assert one.calls in (4, 8, 16) and one.once >= 0.001
    before = len(calls)
    one()
    assert len(calls) - before == one.calls


def test_on_a_gpu_all_calls_are_nodes_of_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each was called before it is captured; a run replays until it lasts long enough."""
    calls: list[int] = []
    fake = {"synchronize": lambda *_: None, "CUDAGraph": lambda: Graph(calls)}
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(**fake, graph=lambda graph: graph))
    device = SimpleNamespace(type="cuda")
    one = Sample([lambda i=i: calls.append(i) for i in range(600)], device, captured=True)  # type: ignore[misc, arg-type]
    nodes = Graph.latest.nodes
    assert len(nodes) == MOST_NODES and one.calls % MOST_NODES == 0 and one.calls > MOST_NODES
    assert set(range(600)) <= set(calls[: calls.index(nodes[0], 600)])
    before = len(calls)
    one()
    assert calls[before:] == nodes * (one.calls // MOST_NODES)
