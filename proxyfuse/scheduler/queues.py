"""Who waits and who runs, both in order of arrival."""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import takewhile

from proxyfuse.sequence import Sequence, Status


class Queues:
    """A sequence is in at most one of the two, and its status says in which."""

    __slots__ = ("_arrivals", "running", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self._arrivals = 0

    def add(self, sequence: Sequence) -> None:
        """Number a new sequence and put it behind all others."""
        sequence.arrival = self._arrivals
        self._arrivals += 1
        self.waiting.append(sequence)

    def start(self, sequence: Sequence) -> None:
        """Run a sequence that was taken out of waiting; later ones may be running already."""
        sequence.status = Status.RUNNING
        insort(self.running, sequence, key=_arrival)

    def preempt_latest(self) -> Sequence:
        """The latest arrival of those running waits again, in its order; returns it."""
        victim = self.running.pop()
        victim.status = Status.WAITING
        earlier = sum(1 for _ in takewhile(lambda s: s.arrival < victim.arrival, self.waiting))
        self.waiting.insert(earlier, victim)
        return victim

    def finish(self, sequence: Sequence) -> None:
        """Out of either queue, for good."""
        if sequence.status is Status.RUNNING:
            self.running.remove(sequence)
        elif sequence.status is Status.WAITING:
            self.waiting.remove(sequence)
        sequence.status = Status.FINISHED

    def check(self) -> None:
        """Both are in order, and statuses and pages are as they say. For tests."""
        for queue, status in ((self.running, Status.RUNNING), (self.waiting, Status.WAITING)):
            arrivals = [sequence.arrival for sequence in queue]
            assert arrivals == sorted(set(arrivals)), "a queue is out of order"
            assert all(sequence.status is status for sequence in queue)
        waiting = [lane for sequence in self.waiting for lane in sequence.lanes.values()]
        assert not any(x.pages or x.computed or x.published for x in waiting), (
            "who waits holds nothing"
        )


def _arrival(sequence: Sequence) -> int:
    return sequence.arrival
