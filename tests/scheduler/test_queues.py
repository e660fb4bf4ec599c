"""Order of arrival, whatever is preempted and whatever starts out of turn."""

from __future__ import annotations

import pytest

from proxyfuse.scheduler.queues import Queues
from proxyfuse.sequence import Sequence, Status
from tests.scheduler.fake_runner import sequence


def filled(count: int) -> tuple[Queues, list[Sequence]]:
    queues, sequences = Queues(), [sequence(str(i), [(1,)]) for i in range(count)]
    for one in sequences:
        queues.add(one)
    return queues, sequences


def start(queues: Queues, one: Sequence) -> None:
    queues.waiting.remove(one)
    queues.start(one)


def test_a_late_start_finds_its_place() -> None:
    queues, (a, b, c) = filled(3)
    for one in (a, c, b):
        start(queues, one)
    assert queues.running == [a, b, c]
    queues.check()


def test_the_preempted_wait_in_order_of_arrival() -> None:
    queues, (a, b, c, d, e) = filled(5)
    for one in (a, c, d):
        start(queues, one)
    assert [queues.preempt_latest(), queues.preempt_latest()] == [d, c]
    assert queues.running == [a] and list(queues.waiting) == [b, c, d, e]
    queues.check()


@pytest.mark.parametrize("running", [True, False])
def test_the_finished_are_in_no_queue(running: bool) -> None:
    queues, (a, b) = filled(2)
    if running:
        start(queues, a)
    queues.finish(a)
    assert a.status is Status.FINISHED
    assert queues.running == [] and list(queues.waiting) == [b]
    queues.finish(a)
    assert list(queues.waiting) == [b]
