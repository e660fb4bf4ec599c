"""A plan as packed rows: what each reads, where it stands, and who reads which draft."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from proxyfuse.plan import Sample, Slice
from proxyfuse.runner.drafts import COLUMNS, Drafts, draft_fields
from proxyfuse.runner.layout import Layout, lay_out
from proxyfuse.runner.outcome import Outcome
from proxyfuse.runner.rows import RowWriter, Seats, row_fields
from proxyfuse.runner.staging import Staging
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio

ROWS, LANES, PAGES, SLOTS, MOST = 400, 12, 40, 3, 5


class Crowd:
    """Sequences at random points of their lives, and a step of them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pages = list(range(LANES * PAGES))
        self.rng.shuffle(self.pages)
        self.slices: dict[Role, list[Slice]] = {role: [] for role in Role}
        fused = [self.sample(3) for _ in range(self.rng.randint(1, 6))]
        self.samples = [*fused, *(self.sample(1) for _ in range(self.rng.randint(0, 3)))]
        for _ in range(2):
            self.prefill()

    def sequence(self, lanes: int) -> Sequence:
        prompts = Trio({r: Lane(self.tokens(1, 9)) for r in tuple(Role)[:lanes]})
        one = Sequence("a", 0, SamplingParams(), 1.0, 0, prompts)
        one.continuation = list(self.tokens(0, 9))
        one.row = len(one.continuation)
        return one

    def tokens(self, least: int, most: int) -> tuple[int, ...]:
        return tuple(self.rng.randrange(1, 99) for _ in range(self.rng.randint(least, most)))

    def sample(self, lanes: int) -> Sample:
        one, count = self.sequence(lanes), self.rng.randint(1, 1 + MOST)
        drawn = lanes == 3 and self.rng.random() < 0.7
        proposed = () if drawn else tuple(900 + step for step in range(1, count))
        for role, lane in one.lanes.items():
            self.cut(role, one, lane, one.front(lane) + count)
        return Sample(one, one.row, count, proposed, count - 1 if drawn else 0)

    def prefill(self) -> None:
        one = self.sequence(3)
        for role, lane in one.lanes.items():
            if one.front(lane):
                self.cut(role, one, lane, one.front(lane))

    def cut(self, role: Role, one: Sequence, lane: Lane, stop: int) -> None:
        start = self.rng.randint(0, min(stop - 1, one.front(lane)))
        lane.pages = [self.pages.pop() for _ in range(-(-stop // SLOTS))]
        self.slices[role].append(Slice(one, lane, start, stop))


class Written:
    """The arrays of one role after its share of a plan was written."""

    def __init__(self, crowd: Crowd, role: Role, layout: Layout, drawer: Role | None) -> None:
        own = row_fields(ROWS, LANES, PAGES, ROWS)
        named = {f"{role.label}.{name}": field for name, field in own.items()}
        staging = Staging(named | draft_fields(MOST, LANES, 2), None)
        self.arrays: dict[str, Any] = {name: staging.host[f"{role.label}.{name}"] for name in own}
        self.writer = RowWriter(role, self.arrays, SLOTS)
        self.drafts = Drafts(staging, Outcome(ROWS, MOST, LANES, 50, None))
        self.staging = staging
        slices = crowd.slices[role]
        if role is drawer:
            drawn = self.drafts.host
            self.counts = self.writer.write_drawing(slices, crowd.samples, layout, drawn)
        else:
            self.counts = self.writer.write(slices, crowd.samples, layout)

    def row(self, at: int) -> tuple[int, ...]:
        return self._of(self.arrays, at, "ids", *COLUMNS)

    def drawn_row(self, draft: int, column: int) -> tuple[int, ...]:
        return self._of(self.drafts.host, (draft, column), *COLUMNS)

    def _of(self, arrays: Any, at: Any, *names: str) -> tuple[int, ...]:
        return tuple(int(arrays[name][at]) for name in names)

    def expected(self, one: Sequence, lane: Lane, position: int, token: int) -> tuple[int, ...]:
        """A row, its page looked up where the page table has it."""
        at = self.row_lane(lane)
        page = int(self.arrays["page_table"][at, position // SLOTS])
        assert page == lane.pages[position // SLOTS]
        return token, position, page * SLOTS + position % SLOTS, at

    def row_lane(self, lane: Lane) -> int:
        return self.writer._seats.seats[lane]


def token_at(sample: Sample, lane: Lane, position: int) -> int:
    """0 where it is a draft that is yet to be drawn."""
    tokens = [*lane.prompt, *sample.sequence.continuation, *sample.proposed, *[0] * sample.drawn]
    return tokens[position]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("role", Role)
def test_heads_read_the_rows_of_their_samples(role: Role, seed: int) -> None:
    crowd = Crowd(seed)
    layout = lay_out(crowd.samples)
    written = Written(crowd, role, layout, None)
    rows, heads = written.counts
    assert rows == sum(cut.stop - cut.start for cut in crowd.slices[role])
    assert heads == (len(layout.rows) if role is Role.BASE else layout.fused)
    for sample, entries in zip(crowd.samples, layout.entries, strict=True):
        if role not in sample.sequence.lanes:
            continue
        lane = sample.sequence.lanes[role]
        for step, entry in enumerate(entries):
            position = sample.sequence.front(lane) + step
            want = written.expected(
                sample.sequence, lane, position, token_at(sample, lane, position)
            )
            assert written.row(int(written.arrays["samples"][entry])) == want


@pytest.mark.parametrize("seed", range(20))
def test_every_token_of_a_slice_is_run_once(seed: int) -> None:
    crowd = Crowd(seed)
    written = Written(crowd, Role.BASE, lay_out(crowd.samples), None)
    slots = written.arrays["slots"][: written.counts[0]]
    assert len(set(slots.tolist())) == written.counts[0]
    lanes = {cut.lane: cut for cut in crowd.slices[Role.BASE]}
    assert len({written.row_lane(lane) for lane in lanes}) == len(lanes)


@pytest.mark.parametrize("seed", range(20))
def test_the_drawer_runs_the_same_rows_in_another_order(seed: int) -> None:
    """Rows that read a draft are kept apart; the rest of them, and all heads, fit the layout."""
    crowd = Crowd(seed)
    layout = lay_out(crowd.samples)
    whole = Written(crowd, Role.EXPERT, layout, None)
    parts = Written(crowd, Role.EXPERT, layout, Role.EXPERT)
    wanted = {whole.row(at)[2] for at in range(whole.counts[0])}
    found = [parts.row(at)[2] for at in range(parts.counts[0])]
    for column, sample in enumerate(layout.drafting):
        lane = sample.sequence.lanes[Role.EXPERT]
        for draft in range(sample.drawn):
            position = sample.sequence.front(lane) + 1 + draft
            row = parts.drawn_row(draft, column)
            assert row == parts.expected(sample.sequence, lane, position, 0)[1:]
            found.append(row[1])
    assert sorted(found) == sorted(wanted)
    undrafted = layout.fused - sum(length for _, length in layout.stretches)
    assert parts.counts[1] == undrafted
    for entry, (sequence, row) in enumerate(layout.rows[:undrafted]):
        position = len(sequence.lanes[Role.EXPERT].prompt) - 1 + row
        assert parts.row(int(parts.arrays["samples"][entry]))[1] == position


@pytest.mark.parametrize("seed", range(20))
def test_a_draft_goes_to_all_who_read_it(seed: int) -> None:
    crowd = Crowd(seed)
    layout = lay_out(crowd.samples)
    written = Written(crowd, Role.BASE, layout, None)
    written.drafts.point(layout, {Role.BASE: written.writer})
    ids, start = written.arrays["ids"], written.staging.word("base.ids")
    for draft, (_, count) in enumerate(layout.stretches):
        index = written.drafts.index(draft, count, 1)
        assert index.shape == (1, count)
        written.staging.words[index.long()] = torch.arange(500, 500 + count, dtype=torch.int32)
        for column, sample in enumerate(layout.drafting[:count]):
            lane = sample.sequence.lanes.base
            at = int(index[0, column]) - start
            assert written.row(at) == written.expected(
                sample.sequence, lane, sample.sequence.front(lane) + 1 + draft, 500 + column
            )
    drawn = sum(count for _, count in layout.stretches)
    assert np.count_nonzero(ids[: written.counts[0]] == 0) == 0
    assert np.count_nonzero(ids[: written.counts[0]] >= 500) >= drawn


def test_seats_last_and_a_preempted_lane_s_new_pages_are_written() -> None:
    table = np.zeros((2, PAGES), np.int32)
    seats, one, two = Seats(table), Lane((1,)), Lane((1,))

    def seated(*lanes: Lane) -> list[list[int]]:
        found = seats.seat(list(lanes))
        return [table[found[lane], : len(lane.pages)].tolist() for lane in lanes]

    one.pages, two.pages = [4], [7]
    assert seated(one, two) == [[4], [7]]
    one.pages += [5]
    assert seated(two, one) == [[7], [4, 5]]
    one.pages = [9, 3, 1]
    assert seated(one, two) == [[9, 3, 1], [7]]
    assert seated(two) == [[7]]
    three = Lane((1,), pages=[8])
    assert seated(three, two) == [[8], [7]]
