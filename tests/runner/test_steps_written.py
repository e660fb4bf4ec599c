"""A step that is like the one before is written faster, and says what a step written anew says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from proxyfuse.plan import Plan, Sample, Slice
from proxyfuse.runner import rows
from proxyfuse.runner.ahead import Ahead
from proxyfuse.runner.layout import lay_out
from proxyfuse.runner.rows import RowWriter
from proxyfuse.runner.step_arrays import Capacity, part_of, step_staging
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.reference import ReferenceOps

SLOTS = Trio({Role.BASE: 3, Role.EXPERT: 5, Role.ANTIEXPERT: 5})
CAPACITY = Capacity(rows=200, samples=120, sequences=25, tokens=120, drafts=3)


class Writers:
    """A step's arrays, and all who write them."""

    def __init__(self) -> None:
        self.staging = step_staging(SLOTS, CAPACITY, None, False)
        self.rows = Trio(
            {
                role: RowWriter(role, part_of(self.staging.host, role), slots)
                for role, slots in SLOTS.items()
            }
        )
        self.ahead = Ahead(ReferenceOps(), self.staging, SLOTS)

    def write(self, plan: Plan) -> list[tuple[int, int]]:
        layout = lay_out(plan.samples)
        counts = [
            writer.write(plan.slices[role], plan.samples, layout)
            for role, writer in self.rows.items()
        ]
        self.ahead.write(plan, layout, self.rows)
        return counts


class Anew(Writers):
    """Remembers nothing of the step before but what it left in the arrays."""

    def write(self, plan: Plan) -> list[tuple[int, int]]:
        self.ahead._written = None
        for writer in self.rows.values():
            writer._lasting.clear()
            writer._headed = None
        return super().write(plan)


class Traffic:
    """Sequences that come, wait, are preempted and go, planned a step ahead."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pages = iter(range(10**6))
        self.running: list[Sequence] = []
        self.flying: list[Sample] = []

    def sequence(self) -> Sequence:
        roles = tuple(Role) if self.rng.random() < 0.9 else (Role.BASE,)
        lanes = Trio({role: Lane((7,) * self.rng.randint(1, 9)) for role in roles})
        return Sequence("a", 0, SamplingParams(), 1.0, 0, lanes)

    def plan(self) -> Plan:
        """Mostly one more token of everyone who took part before."""
        if self.rng.random() < 0.2 or not self.running:
            self._change()
        slices: dict[Role, list[Slice]] = {role: [] for role in Role}
        taking = self.running
        if self.rng.random() < 0.1:
            taking = [one for one in taking if self.rng.random() < 0.8]
        fused = [self._sample(one, slices) for one in taking if len(one.lanes) > 1]
        alone = [self._sample(one, slices) for one in taking if len(one.lanes) == 1]
        if self.rng.random() < 0.1:
            self._read_a_prompt(slices)
        if self.rng.random() < 0.1:
            self.rng.shuffle(fused)
        return Plan(Trio(slices), fused + alone)

    def _change(self) -> None:
        for _ in range(self.rng.randint(0, 12)):
            if len(self.running) + 1 < CAPACITY.sequences:
                self.running.append(self.sequence())
        if self.rng.random() < 0.3:
            self.running = self.running[self.rng.randint(0, 3) :]
        if self.rng.random() < 0.2:
            self.running.reverse()
        for one in self.running:
            if not one.ahead and self.rng.random() < 0.1:
                for lane in one.lanes.values():
                    lane.pages, lane.computed = [], 0

    def _sample(self, one: Sequence, slices: dict[Role, list[Slice]]) -> Sample:
        drafts = self.rng.randint(1, 3) if not one.ahead and self.rng.random() < 0.03 else 0
        count, proposed = 1 + drafts, (5,) * drafts
        for role, lane in one.lanes.items():
            stop = one.front(lane) + count
            missing = -(-stop // SLOTS[role]) - len(lane.pages)
            lane.pages += [next(self.pages) for _ in range(missing)]
            slices[role].append(Slice(one, lane, lane.computed, stop))
            lane.computed = stop
        sample = Sample(one, one.reach, count, proposed)
        one.ahead += count
        return sample

    def _read_a_prompt(self, slices: dict[Role, list[Slice]]) -> None:
        """A row of each role that nothing is drawn after."""
        one = Sequence("b", 0, SamplingParams(), 1.0, 0, Trio({r: Lane((3, 4)) for r in Role}))
        at = self.rng.randint(0, min(map(len, slices.values())))
        for role, lane in one.lanes.items():
            lane.pages = [next(self.pages)]
            slices[role].insert(at, Slice(one, lane, 0, 1))

    def settle(self, plan: Plan) -> None:
        """The flight before this one has landed; every draft of it held."""
        for sample in self.flying:
            one = sample.sequence
            one.continuation += [self.rng.randrange(9) for _ in range(sample.count)]
            one.row += sample.count
            one.ahead -= sample.count
        self.flying = plan.samples
        self.running = [one for one in self.running if len(one.continuation) < 60]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_written_is_what_would_be_written_anew(seed: int, monkeypatch) -> None:
    traffic, quick, anew = Traffic(seed), Writers(), Anew()
    many, quickly = rows.MANY, 0
    for _ in range(150):
        plan = traffic.plan()
        counts = quick.write(plan)
        quickly += any(writer._lanes for writer in quick.rows.values())
        monkeypatch.setattr(rows, "MANY", CAPACITY.sequences + 1)
        assert anew.write(plan) == counts
        monkeypatch.setattr(rows, "MANY", many)
        for name, array in quick.staging.host.items():
            np.testing.assert_array_equal(array, anew.staging.host[name], name)
        traffic.settle(plan)
    assert quickly > 50
