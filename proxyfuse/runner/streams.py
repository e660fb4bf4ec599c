"""A device's streams: the main one, on which a step runs in order, and one beside it a proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from proxyfuse.runner.device import Device, Event, Stream
from proxyfuse.trio import Role

Work = Callable[[], object]


@dataclass(slots=True)
class Piece:
    """A call of one device's work: a graph can hold no more. Captured when it is called while
    `streams.capturing`, and replayed from then on."""

    streams: Streams
    device: Device
    stream: Stream
    work: Work
    replay: Work | None = None

    def __call__(self) -> None:
        """On its stream, which is the current one of its device."""
        if self.replay is None and self.streams.capturing:
            self.replay = self.device.capture(self.work, self.stream)
        (self.replay or self.work)()


class Streams:
    """Fork and join by events. The base keeps the main stream: its forward is the longest."""

    def __init__(
        self,
        device: Device,
        roles: Sequence[Role],
        proxies: Device | None = None,
        *,
        graphs: bool = False,
    ) -> None:
        """`proxies`: where they run, if elsewhere; their side streams then order the exchange.
        graphs: what is run often may be captured."""
        self.device = device
        self.graphs = graphs
        self.capturing = False  # pieces that are called now are captured
        self.proxies = proxies
        self.main = device.stream()
        self._forked = device.event()
        beside: list[Role] = [role for role in roles if role > Role.BASE]
        self._sides = {role: (device.stream(), device.event()) for role in beside}
        self._away = {role: proxies.stream() for role in beside} if proxies else {}

    def on_main(self) -> AbstractContextManager[object]:
        """What is called inside is given to the main stream."""
        return self.device.on(self.main)

    def reached(self) -> Event:
        """The point that the main stream has reached, as an event of its own."""
        return _reached(self.device, self.main)

    def piece(self, work: Work, role: Role | None = None) -> Work:
        """The call, to be captured by itself where a step is of two devices; else the call, which
        `whole` captures with all others.

        role: whose it is on the other device; None: the main stream's.
        """
        if self.proxies is None or not self.graphs:
            return work
        if role is None:
            return Piece(self, self.device, self.main, work)
        return Piece(self, self.proxies, self._away[role], work)

    def whole(self, work: Work) -> Work:
        """A whole step's call: one piece where all of it is of one device."""
        return Piece(self, self.device, self.main, work) if self.proxies is None else work

    def finish(self) -> None:
        """Wait for every stream: for those, too, that a failure kept from being joined."""
        ends = [_reached(self.device, side) for side, _ in self._sides.values()]
        if self.proxies is not None:
            ends += [_reached(self.proxies, stream) for stream in self._away.values()]
        for end in (*ends, self.reached()):
            end.synchronize()

    def together(self, works: Mapping[Role, Work]) -> None:
        """Run works that do not depend on each other; the main stream goes on behind them all.

        To be called on the main stream.
        """
        if len(works) == 1 and not self._away:
            for work in works.values():
                work()
            return
        self.main.record_event(self._forked)
        beside = [role for role in works if role is not Role.BASE]
        for role in beside:
            side, joined = self._sides[role]
            side.wait_event(self._forked)
            with self.device.on(side), self._elsewhere(role):
                works[role]()
            side.record_event(joined)
        if Role.BASE in works:
            works[Role.BASE]()
        for role in beside:
            self.main.wait_event(self._sides[role][1])

    def _elsewhere(self, role: Role) -> AbstractContextManager[object]:
        return nullcontext() if self.proxies is None else self.proxies.on(self._away[role])


def _reached(device: Device, stream: Stream) -> Event:
    """The point behind all that the device's stream was given."""
    event = device.event()
    stream.record_event(event)
    return event
