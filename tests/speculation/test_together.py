"""What several sequences get: felt, kept for a while, and looked at again."""

from __future__ import annotations

from proxyfuse.speculation.choice import LENGTHS
from proxyfuse.speculation.drafting import PATIENCE
from proxyfuse.speculation.evidence import Evidence
from proxyfuse.speculation.together import LOOKS, STANDS, Together
from proxyfuse.trio import Role

WEIGHTS = {Role.BASE: 14, Role.EXPERT: 2, Role.ANTIEXPERT: 2}
ROOM = LENGTHS[-1]


class Machine:
    """Steps of so many sequences, each as long as `takes` says of its drafts."""

    def __init__(self, running: int = 4) -> None:
        self.evidence = Evidence(WEIGHTS)
        self.together = Together(self.evidence)
        self.running = running
        self.costs = {length: 1 + 0.1 * length for length in (0, *LENGTHS)}
        self.holds = 1.0  # of the drafts
        for _ in range(8):
            self.evidence.costs[True].observe(running, Role.EXPERT, 0, 1.0)

    def step(self, room: int = ROOM) -> int:
        length = self.together.length(self.running, room)
        if length:
            held = round(self.holds * length)
            self.together.observe(self.running * held, self.running * (held + (held < length)))
        took = self.costs.get(length, 1 + 0.1 * length)
        self.evidence.costs[True].observe(self.running, Role.EXPERT, length, took)
        return length

    def steps(self, count: int, room: int = ROOM) -> list[int]:
        return [self.step(room) for _ in range(count)]


def test_the_way_is_felt_by_twice_the_rows() -> None:
    assert Machine().steps(4) == [1, 3, 7, ROOM - 1]
    assert Machine().steps(3, room=2) == [1, 2, 2]
    machine = Machine(running=8)
    machine.steps(4)
    machine.running = 2
    assert machine.step() > 1, "so many rows were run before"


def test_a_choice_stands_while_as_many_run_and_no_longer() -> None:
    machine, asked = Machine(), []
    best = machine.evidence.best
    machine.evidence.best = lambda *how: asked.append(how) or best(*how)  # type: ignore[method-assign, func-returns-value]
    machine.steps(8)
    asked.clear()
    machine.steps(10 * STANDS)
    assert len(asked) == 10
    machine.running = 5
    machine.step()
    assert len(asked) == 11
    machine.step(room=3)
    assert len(asked) == 12


def test_what_became_cheap_is_found_by_looking_beside() -> None:
    machine = Machine()
    machine.holds = 0.75
    machine.costs |= {length: 9.0 for length in LENGTHS if length > 2}  # dear from 3 on
    machine.steps(8 * LOOKS * STANDS)
    assert max(machine.steps(STANDS)) <= 3
    machine.costs |= {length: 1.0 + 0.01 * length for length in LENGTHS}
    machine.steps(16 * LOOKS * STANDS)
    assert min(machine.steps(STANDS)) > 3


def test_what_was_given_up_is_tried_again() -> None:
    """Also where it was so dear that even drafts that hold would not pay."""
    machine = Machine()
    machine.costs = dict.fromkeys(machine.costs, 90.0) | {0: 1.0}
    machine.steps(60)
    assert not any(machine.steps(PATIENCE[1] // 2))
    machine.costs = {length: 1 + 0.1 * length for length in machine.costs}
    machine.steps(6 * PATIENCE[1])
    assert min(machine.steps(STANDS)) > 1


def test_a_room_that_is_smaller_than_the_wish_stands_too() -> None:
    machine = Machine()
    machine.steps(40, room=2)
    assert machine.together._choices < 8
