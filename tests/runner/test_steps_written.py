"""A step that is like the one before is written faster, and says what a step written anew says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from proxyfuse.plan import Plan, Sample, Slice
from proxyfuse.runner import rows
from proxyfuse.runner.ahead import Ahead
from proxyfuse.runner.drafts import Drafts
from proxyfuse.runner.layout import lay_out
from proxyfuse.runner.outcome import Outcome
from proxyfuse.runner.padding import Padding
from proxyfuse.runner.rows import RowWriter
from proxyfuse.runner.step_arrays import Capacity, part_of, step_staging
from proxyfuse.sampling import SamplingParams
from proxyfuse.scheduler.rows import settle_rows
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import PROXIES, Role, Trio
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
        sizes = (CAPACITY.samples, CAPACITY.drafts, CAPACITY.sequences)
        self.drafts = Drafts(self.staging, Outcome(*sizes, 50, None))

    def write(self, plan: Plan, drawer: Role) -> list[tuple[int, int]]:
        layout, counts = lay_out(plan.samples), []
        readers = dict(self.rows)
        for role, writer in self.rows.items():
            asked = plan.slices[role], plan.samples, layout
            if role is drawer and layout.drafting:
                counts.append(writer.write_drawing(*asked, self.drafts.host))
                del readers[role]
            else:
                counts.append(writer.write(*asked))
        if layout.drafting:
            self.drafts.point(layout, readers)
        self.ahead.write(plan, layout, self.rows)
        return counts

    def overwrite(self, value: int) -> None:
        """What kernels do to some columns where the host's memory is the device's."""
        for name, array in self.staging.host.items():
            if name.endswith((".ids", ".positions", ".slots")):
                array[...] = value


class Anew(Writers):
    """Remembers nothing of the step before but what it left in the arrays."""

    def write(self, plan: Plan, drawer: Role) -> list[tuple[int, int]]:
        self.ahead._written = None
        for writer in self.rows.values():
            writer._lasting.clear()
            writer._headed = None
        return super().write(plan, drawer)


class Traffic:
    """Sequences that come, wait, draft, are preempted and go, planned a step ahead."""

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
        self.drawing = self.rng.choice((0,) * 5 + (1, 3)) if self.rng.random() < 0.3 else 0
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
        drawn = proposed = 0
        if len(one.lanes) > 1 and self.drawing:
            drawn = self.rng.choice((self.drawing, self.drawing, self.rng.randint(0, 3)))
        elif not one.ahead and self.rng.random() < 0.03:
            proposed = self.rng.randint(1, 3)
        count = 1 + drawn + proposed
        for role, lane in one.lanes.items():
            stop = one.front(lane) + count
            missing = -(-stop // SLOTS[role]) - len(lane.pages)
            lane.pages += [next(self.pages) for _ in range(missing)]
            slices[role].append(Slice(one, lane, lane.computed, stop))
            lane.computed = stop
        sample = Sample(one, one.reach, count, (5,) * proposed, drawn)
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
        """The flight before this one has landed; of its drafts some held."""
        for sample in self.flying:
            one = sample.sequence
            kept = self.rng.choice((sample.count, self.rng.randint(1, sample.count)))
            settle_rows(sample, [self.rng.randrange(9) for _ in range(kept)])
            assert len(one.continuation) == one.row
        self.flying = plan.samples
        self.running = [one for one in self.running if len(one.continuation) < 60]


@pytest.mark.parametrize("many", [rows.MANY, 1])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_written_is_what_would_be_written_anew(seed: int, many: int, monkeypatch) -> None:
    traffic, quick, anew = Traffic(seed), Writers(), Anew()
    padding = Padding(SLOTS, 10**6, sequences=CAPACITY.sequences, rows=100, drafts=CAPACITY.drafts)
    drawing = quickly = 0
    for step in range(150):
        flying = traffic.plan()
        plan = padding.fill(flying)[0] if seed % 2 else flying
        drawer = traffic.rng.choice(PROXIES)
        monkeypatch.setattr(rows, "MANY", many)
        counts = quick.write(plan, drawer)
        quickly += any(writer._lanes for writer in quick.rows.values())
        drawing += any(sample.drawn for sample in plan.samples)
        monkeypatch.setattr(rows, "MANY", CAPACITY.sequences + 1)
        assert anew.write(plan, drawer) == counts
        for name, array in quick.staging.host.items():
            np.testing.assert_array_equal(array, anew.staging.host[name], name)
        if seed % 4 > 1:
            quick.overwrite(step)
            anew.overwrite(step)
        traffic.settle(flying)
    assert quickly > 50 and drawing > 5
