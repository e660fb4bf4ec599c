"""The fake device finds what it is there to find."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from proxyfuse.runner.landing import Landing
from proxyfuse.runner.staging import Staging
from proxyfuse.runner.streams import Streams
from proxyfuse.trio import Role
from tests.fake.device import FakeDevice, Misuse, Race, World
from tests.fake.ops import FakeOps

FIELDS = {"x": ((4, 3), torch.float32)}


class Bench:
    """A device, its streams, and three buffers that are added up."""

    def __init__(self, seed: int = 0) -> None:
        self.world = World(seed)
        self.device = FakeDevice(self.world)
        self.streams = Streams(self.device, tuple(Role))
        self.ops = FakeOps(self.device)
        self.ones = torch.ones(3)
        self.x, self.y, self.z = (torch.ones(4, 3) for _ in range(3))

    def double(self, source: Tensor, target: Tensor) -> None:
        """target = rms_norm(source) * 2: any operation that reads one and writes the other."""
        self.ops.rms_norm(source, 2 * self.ones, 0.0, target)

    def end(self) -> None:
        self.streams.reached().synchronize()


def test_a_step_in_order_is_done_in_order() -> None:
    bench = Bench()
    with bench.streams.on_main():
        works = {
            Role.BASE: lambda: bench.double(bench.x, bench.y),
            Role.EXPERT: lambda: bench.double(bench.x, bench.z),
        }
        bench.streams.together(works)
        bench.double(bench.z, bench.x)
        bench.double(bench.y, bench.x)
    assert bench.x.sum() == 12, "nothing is done before somebody waits"
    bench.end()
    assert bench.x.sum() == 24


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("forgotten", ["fork", "join"])
def test_a_fork_or_join_that_was_forgotten(forgotten: str, seed: int) -> None:
    bench = Bench(seed)
    side, event = bench.device.stream(), bench.device.event()
    with bench.streams.on_main():
        bench.double(bench.x, bench.y)
        bench.streams.main.record_event(event)
        if forgotten != "fork":
            side.wait_event(event)
        with bench.device.on(side):
            bench.double(bench.y, bench.z)
        side.record_event(event)
        if forgotten != "join":
            bench.streams.main.wait_event(event)
        bench.double(bench.z, bench.x)
    with pytest.raises(Race):
        bench.end()
        side.record_event(event)
        event.synchronize()


def test_what_goes_down_may_be_rewritten_at_once_but_not_twice_more() -> None:
    bench = Bench()
    staging = Staging(FIELDS, bench.device)
    with bench.streams.on_main():
        for value in (1, 2):
            staging.host["x"][:] = value
            staging.upload()
    bench.end()
    assert (staging.device["x"] == 2).all()
    with bench.streams.on_main():
        for value in (1, 2, 3):
            staging.host["x"][:] = value
            staging.upload()
    with pytest.raises(Misuse, match="had not read"):
        bench.end()


def test_what_came_up_lasts_for_one_more_flight() -> None:
    bench = Bench()
    landing = Landing(FIELDS, bench.device)
    landing.device["x"][:] = 5
    with bench.streams.on_main():
        first = landing.rise()
    bench.end()
    with bench.streams.on_main():
        landing.rise()
        assert (first["x"] == 5).all()
        landing.rise()
        assert (first["x"] != 5).all()


def test_a_launch_waits_and_allocates_nothing() -> None:
    bench = Bench()
    event = bench.streams.reached()
    bench.world.launching = True
    for forbidden in (event.synchronize, lambda: bench.device.pinned(4)):
        with pytest.raises(Misuse, match="in the middle of a launch"):
            forbidden()


def test_a_graph_runs_when_it_is_called_and_as_often() -> None:
    bench = Bench()

    def work() -> None:
        bench.streams.together(
            {
                Role.BASE: lambda: bench.double(bench.x, bench.y),
                Role.EXPERT: lambda: bench.double(bench.x, bench.z),
            }
        )
        bench.double(bench.z, bench.x)

    replay = bench.device.capture(work, bench.streams.main)
    bench.end()
    assert bench.x.sum() == bench.y.sum() == 12
    with bench.streams.on_main():
        replay()
        bench.double(bench.z, bench.y)
        replay()
    bench.end()
    assert bench.x.sum() == bench.y.sum() == 24
    assert bench.world.counts["replays"] == 2


def test_a_stream_must_be_joined_before_the_capture_ends() -> None:
    bench = Bench()
    side, event = bench.device.stream(), bench.device.event()

    def work() -> None:
        bench.double(bench.x, bench.y)
        bench.streams.main.record_event(event)
        side.wait_event(event)
        with bench.device.on(side):
            bench.double(bench.y, bench.z)

    with pytest.raises(Misuse, match="not joined"):
        bench.device.capture(work, bench.streams.main)


@pytest.mark.parametrize("what", ["waits", "allocates", "strays"])
def test_what_a_graph_must_not_hold(what: str) -> None:
    bench = Bench()
    before, side = bench.streams.reached(), bench.device.stream()

    def strays() -> None:
        with bench.device.on(side):
            bench.double(bench.x, bench.y)

    acts = {
        "waits": before.synchronize,
        "allocates": lambda: bench.device.tensor([1], torch.int32),
        "strays": strays,
    }
    with pytest.raises(Misuse):
        bench.device.capture(acts[what], bench.streams.main)


def test_nothing_but_copies_reaches_over_to_another_device() -> None:
    bench = Bench()
    other = FakeDevice(bench.world, "other")
    there, theirs = other.stream(), torch.zeros(4, 3)
    with bench.streams.on_main(), other.on(there):
        other.bring(bench.x, theirs, bench.device)
        bench.double(theirs, theirs)
        bench.device.bring(theirs, bench.y, other)
    with bench.streams.on_main():
        bench.double(bench.y, bench.z)
    bench.end()
    assert bench.z.sum() == 24 and theirs.sum() == 24
    with bench.streams.on_main():
        bench.double(theirs, bench.x)
    with pytest.raises(Misuse, match="reaches over to other"):
        bench.end()
