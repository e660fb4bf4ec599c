"""A device that does nothing until it has to, and then in whatever order it is free to choose.

Work is put down when it is given and done when the host waits for an event, no more of it than the
event needs, in an order drawn at random among those that streams and events allow. So what is
read too early is wrong, and what is rewritten too early is gone. `Races` tells what chance hides.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import torch
from torch import Tensor

from tests.fake.races import Moment, Race, Races, Spot, spots_of

POISON = 0xAB
Spots = Callable[[], Iterable[Spot]]


@dataclass(eq=False)
class Node:
    """One piece of work, or with nothing to do a point that others wait for."""

    moment: Moment
    act: Callable[[], object]
    reads: Spots
    writes: Spots
    needs: set[Node] = field(default_factory=set)  # what must be done before
    done: bool = False


class Misuse(AssertionError):
    """Something that a real device forbids, or that makes the host wait where it must not."""


def nothing() -> tuple[()]:
    return ()


@dataclass(eq=False)
class FakeEvent:
    world: World
    node: Node | None = None

    def synchronize(self) -> None:
        self.world.finish(self.node)


@dataclass(eq=False)
class FakeStream:
    world: World
    name: str
    last: Node | None = None
    waits: list[Node] = field(default_factory=list)
    number: Iterator[int] = field(default_factory=count)

    def record_event(self, event: FakeEvent) -> None:
        event.node = self.world.give(self, f"event of {self.name}")

    def wait_event(self, event: FakeEvent) -> None:
        if event.node is None:
            raise Misuse(f"{self.name} waits for an event that was never recorded")
        self.waits.append(event.node)


@dataclass
class Captured:
    """A graph in the making: what was given, and the streams that it spread to."""

    main: FakeStream
    before: Node | None
    nodes: list[Node] = field(default_factory=list)
    streams: set[FakeStream] = field(default_factory=set)


class World:
    """All devices of one test: their work, the order it is in, and what the host waited for."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.races = Races()
        self.log: list[str] = []  # names of the work done, in the order in which it was
        self.counts: Counter[str] = Counter()  # copies down and up, replays, captures, waits
        self.launching = False  # the host must not wait
        self.capturing: Captured | None = None
        self.on: list[FakeStream] = []  # where operations go: the last one
        self._owners: dict[object, str] = {}  # the device that computes on a memory
        self._pending: list[Node] = []
        self._known: dict[object, int] = {}  # what the host knows to be done

    @property
    def unfinished(self) -> list[str]:
        """Work that was given and is not done yet."""
        return [node.moment.name for node in self._pending]

    def give(
        self,
        stream: FakeStream,
        name: str,
        act: Callable[[], object] = nothing,
        reads: Spots = nothing,
        writes: Spots = nothing,
    ) -> Node:
        """Put work down behind all that the stream was given, and that it waits for."""
        needs = {node for node in (stream.last, *stream.waits) if node is not None}
        stream.waits.clear()
        node = self._add(name, stream.name, next(stream.number), needs, act, reads, writes)
        stream.last = node
        if self.capturing is not None:
            self._capture(stream, node)
        return node

    def _add(
        self,
        name: str,
        stream: object,
        number: int,
        needs: set[Node],
        act: Callable[[], object],
        reads: Spots,
        writes: Spots,
    ) -> Node:
        moment = Moment(f"{name} ({stream} {number})", stream, number, dict(self._known))
        for need in needs:
            for other, last in (
                *need.moment.seen.items(),
                (need.moment.stream, need.moment.number),
            ):
                moment.seen[other] = max(moment.seen.get(other, -1), last)
        node = Node(moment, act, reads, writes, {need for need in needs if not need.done})
        self._pending.append(node)
        return node

    @torch.inference_mode()
    def finish(self, node: Node | None) -> None:
        """The host waits for this: do it, and of all else what chance wants done first."""
        if self.launching or self.capturing is not None:
            raise Misuse("the host waits in the middle of a launch")
        if node is None:
            raise Misuse("the host waits for an event that was never recorded")
        self.counts["waits"] += 1
        while not node.done:
            ready = [one for one in self._pending if all(need.done for need in one.needs)]
            self._do(self.rng.choice(ready))
        for stream, last in (*node.moment.seen.items(), (node.moment.stream, node.moment.number)):
            self._known[stream] = max(self._known.get(stream, -1), last)

    def _own(self, node: Node) -> None:
        """Nothing but copies reaches over to another device."""
        if node.moment.name.split()[0] in ("up", "down", "bring"):
            return
        device = str(node.moment.stream).split(": ")[-1].split(".")[0]
        for memory, _, _ in (*node.reads(), *node.writes()):
            owner = self._owners.setdefault(memory, device)
            if owner != device:
                raise Misuse(f"{node.moment.name} reaches over to {owner}")

    def _do(self, node: Node) -> None:
        self._own(node)
        self.races.touch(node.moment, node.reads(), writes=False)
        self.races.touch(node.moment, node.writes(), writes=True)
        node.act()
        node.done = True
        node.needs.clear()
        self._pending.remove(node)
        self.log.append(node.moment.name)

    def _capture(self, stream: FakeStream, node: Node) -> None:
        graph = self.capturing
        assert graph is not None
        inside = set(graph.nodes)
        foreign = [need for need in node.needs if need not in inside and need is not graph.before]
        if stream is not graph.main and not node.needs & inside:
            raise Misuse(f"{node.moment.name} is outside of the graph that is being captured")
        if stream is graph.main and foreign:
            raise Misuse(f"{node.moment.name} waits for what is outside of the graph")
        graph.nodes.append(node)
        graph.streams.add(stream)

    def captured(self, graph: Captured) -> list[Node]:
        """The nodes, taken back: nothing of them runs by itself."""
        ends = [stream for stream in graph.streams if stream is not graph.main]
        last = graph.nodes[-1] if graph.nodes else None
        for stream in ends:
            joined = stream.last is None or (
                last is not None and last.moment.after(stream.last.moment)
            )
            if not joined and not any(n is stream.last for n in graph.main.waits):
                raise Misuse(f"{stream.name} was not joined before the end of the capture")
            stream.last = None
        graph.main.waits.clear()
        for node in graph.nodes:
            self._pending.remove(node)
        graph.main.last = graph.before
        return graph.nodes

    def replay(self, stream: FakeStream, graph: int, nodes: Sequence[Node]) -> None:
        """Give the work of a graph again, in its own order, behind what the stream was given."""
        start = self.give(stream, f"graph {graph} begins")
        copies: dict[Node, Node] = {}
        inside = set(nodes)
        for node in nodes:
            needs = {copies[need] for need in node.needs & inside} or {start}
            name = node.moment.name.split(" (")[0]
            where = f"graph {graph}: {node.moment.stream}"
            number = next(stream.number)
            one = self._add(name, where, number, needs, node.act, node.reads, node.writes)
            copies[node] = one
        stream.waits += copies.values()
        self.give(stream, f"graph {graph} ends")


class FakeDevice:
    """`Device` on the host's memory."""

    at = torch.device("cpu")

    def __init__(self, world: World, name: str = "gpu") -> None:
        self.world = world
        self.name = name
        self._streams = 0
        self._graphs = count()
        self._on: list[FakeStream] = []
        self._pinned: set[int] = set()  # addresses

    @property
    def current(self) -> FakeStream:
        if not self._on:
            raise Misuse(f"work for {self.name} was given to no stream")
        return self._on[-1]

    def stream(self) -> FakeStream:
        self._streams += 1
        return FakeStream(self.world, f"{self.name}.{self._streams}")

    def event(self) -> FakeEvent:
        return FakeEvent(self.world)

    @contextmanager
    def on(self, stream: FakeStream) -> Iterator[None]:
        self._on.append(stream)
        self.world.on.append(stream)
        try:
            yield
        finally:
            self.world.on.pop()
            self._on.pop()

    def pinned(self, size: int) -> Tensor:
        self._allocate()
        memory = torch.zeros(size, dtype=torch.uint8)
        self._pinned.add(memory.data_ptr())
        return memory

    def zeros(self, size: int) -> Tensor:
        self._allocate()
        return torch.zeros(size, dtype=torch.uint8)

    def tensor(self, values: Sequence[float], dtype: torch.dtype) -> Tensor:
        if self.world.capturing is not None:
            raise Misuse("memory is allocated inside a graph")
        source = torch.tensor(values, dtype=dtype)
        target = torch.full_like(source, 77 if dtype is not torch.bool else 1)
        self._copy("down", source, target)
        return target

    def copy(self, source: Tensor, target: Tensor) -> None:
        """A host that writes to the source, or reads from the target, too early is found out."""
        if target.data_ptr() in self._pinned:
            target.fill_(POISON)  # what the host did not read by now is gone
            self._copy("up", source, target)
        else:
            assert source.data_ptr() in self._pinned
            self._copy("down", source, target)

    def _copy(self, name: str, source: Tensor, target: Tensor) -> Node:
        self.world.counts[name] += 1
        given = source.clone() if name == "down" else None

        def act() -> None:
            if given is not None and not torch.equal(given, source):
                raise Misuse("the host wrote to what a copy down had not read yet")
            target.copy_(source)

        return self.world.give(
            self.current,
            name,
            act,
            lambda: spots_of(source),
            lambda: spots_of(target),
        )

    def bring(self, source: Tensor, target: Tensor, origin: FakeDevice) -> None:
        self.current.waits.append(self.world.give(origin.current, "ready"))
        origin.current.waits.append(self._copy("bring", source, target))

    def _allocate(self) -> None:
        if self.world.launching or self.world.capturing is not None:
            raise Misuse("memory is allocated in the middle of a launch")

    def capture(self, work: Callable[[], object], stream: FakeStream) -> Callable[[], object]:
        world = self.world
        world.counts["captures"] += 1
        if stream.waits:  # what it waited for before is behind it, and nothing of the graph
            world.give(stream, "waited")
        graph = world.capturing = Captured(stream, stream.last)
        try:
            with self.on(stream):
                work()
            nodes = world.captured(graph)
        finally:
            world.capturing = None
        number = next(self._graphs)

        def replay() -> None:
            world.counts["replays"] += 1
            world.replay(stream, number, nodes)

        return replay


__all__ = ["FakeDevice", "FakeEvent", "FakeStream", "Misuse", "Race", "World"]
