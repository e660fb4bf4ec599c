"""A graph of the pretended GPU computes what it holds, when it is replayed and not before."""

from __future__ import annotations

import pytest
import torch

from tests.pretended import driver
from tests.pretended.capturing import captured
from tests.pretended.watch import assert_clean


def test_a_replay_has_the_values_of_its_moment() -> None:
    x = torch.arange(4.0, device="cuda")
    with captured() as graph:
        y = x * 2 + 1
    x.fill_(5)
    graph.replay()
    assert y.tolist() == [11] * 4
    x.fill_(7)
    assert y.tolist() == [11] * 4, "nothing is done between replays"
    graph.replay()
    assert y.tolist() == [15] * 4


def test_nothing_is_done_while_it_is_captured() -> None:
    x = torch.ones(4, device="cuda")
    with captured() as graph:
        x.add_(1)
    assert x.tolist() == [1] * 4
    for _ in range(3):
        graph.replay()
    assert x.tolist() == [4] * 4


def test_a_graph_is_forgotten_with_its_work() -> None:
    before = len(driver.put_down)
    x = torch.ones(4, device="cuda")
    with captured() as graph:
        x.add_(1)
    assert len(driver.put_down) > before
    del graph
    assert len(driver.put_down) == before


def test_a_replay_over_memory_that_is_gone() -> None:
    """On a GPU it reads and writes what is somebody else's by now."""
    x = torch.ones(30 << 20, device="cuda")
    with captured() as graph:
        x.add_(1)
    del x
    torch.cuda.empty_cache()
    graph.replay()
    with pytest.raises(AssertionError, match="beyond its block"):
        assert_clean()
    driver.failures.clear()
