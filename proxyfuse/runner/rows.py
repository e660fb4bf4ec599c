"""One role's share of a plan as packed rows."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import Any

import numpy as np
import torch

from proxyfuse.plan import Sample, Slice
from proxyfuse.runner.layout import Layout
from proxyfuse.runner.staging import Fields
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role


def row_fields(rows: int, lanes: int, pages: int, samples: int) -> Fields:
    """The arrays of one role's rows, at their largest."""
    return {
        "ids": ((rows,), torch.int32),
        "positions": ((rows,), torch.int32),
        "slots": ((rows,), torch.int32),
        "lanes": ((rows,), torch.int32),
        "page_table": ((lanes, pages), torch.int32),
        "samples": ((samples,), torch.int32),
    }


class Seats:
    """Which row of the page table a lane sits in; only pages that are new are written."""

    def __init__(self, table: np.ndarray) -> None:
        self._table = table  # [L, W] int32
        self.seats: dict[Lane, int] = {}
        self._written: dict[Lane, tuple[list[int], int]] = {}

    def seat(self, lanes: list[Lane]) -> dict[Lane, int]:
        """A seat for each of `lanes`, their pages written; lanes that are not named lose theirs."""
        if list(self.seats) != lanes:
            self._change(lanes)
        for lane in lanes:
            self._write(lane)
        return self.seats

    def slots(self, positions: np.ndarray, size: int) -> np.ndarray:  # [lanes] int32
        """Where a token of each lane stands, in the order of `seat`; size: slots of a page."""
        rows = np.fromiter(self.seats.values(), np.int32, len(positions))
        pages, at = np.divmod(positions, size)
        found: np.ndarray = self._table[rows, pages] * size + at
        return found

    def _change(self, lanes: list[Lane]) -> None:
        wanted = set(lanes)
        for gone in self.seats.keys() - wanted:
            self._written.pop(gone, None)
        kept = {lane: seat for lane, seat in self.seats.items() if lane in wanted}
        taken = set(kept.values())
        free = (seat for seat in range(len(self._table)) if seat not in taken)
        self.seats = {lane: kept[lane] if lane in kept else next(free) for lane in lanes}

    def _write(self, lane: Lane) -> None:
        pages, done = self._written.get(lane, (None, 0))
        if pages is not lane.pages:  # a preempted lane comes back with a new list
            done = 0
        count = len(lane.pages)
        if done < count:
            self._table[self.seats[lane], done:count] = lane.pages[done:]
            self._written[lane] = (lane.pages, count)


Places = tuple[Mapping[Sequence, int], Mapping[Sequence, int]]  # begins, ends
MANY = 8  # rows from which columns are faster than rows


class RowWriter:
    """Writes one role's slices into its staging arrays."""

    def __init__(self, role: Role, arrays: Mapping[str, np.ndarray], slots: int) -> None:
        self._role = role
        self._arrays = arrays
        self._slots = slots  # slots of a page
        self._seats = Seats(arrays["page_table"])
        self._lasting: dict[str, list[int]] = {}  # columns that no kernel writes, as they are
        self._lanes: list[Lane] = []  # of a step of one token each; none after another step
        self._headed: tuple[list[list[int]], dict[Sequence, int], list[Sequence]] | None = None
        self._starts: dict[Sequence, int] = {}
        self._ends: dict[Sequence, int] = {}

    def write(self, slices: list[Slice], samples: list[Sample], layout: Layout) -> tuple[int, int]:
        """Fill the arrays; how many rows run, and how many of them feed the head.

        A row that reads a draft which is yet to be drawn gets id 0.
        """
        if not slices and not self._seats.seats:
            return 0, 0  # nor was there anything in the step before: so it is where alpha is 0
        drafts = {s.sequence: s.proposed or (0,) * s.drawn for s in samples if s.drafts}
        self._write(slices, drafts)
        count = len(layout.rows) if self._role is Role.BASE else layout.fused
        made_of = layout.entries, self._ends, [sample.sequence for sample in samples]
        if not self._same_heads(*made_of):
            self._headed = made_of
            self._keep("samples", self._heads(samples, layout, count))
        return self._rows, count

    def _same_heads(
        self, entries: list[list[int]], ends: dict[Sequence, int], sampled: list[Sequence]
    ) -> bool:
        """Whether `samples` says what these would write: layouts and places are kept."""
        known = self._headed
        return known is not None and (
            known[0] is entries and known[1] is ends and known[2] == sampled
        )

    def _heads(self, samples: list[Sample], layout: Layout, count: int) -> list[int]:
        heads = [0] * count
        for sample, entries in zip(samples, layout.entries, strict=True):
            if self._role in sample.sequence.lanes:
                first = self._ends[sample.sequence] - sample.count
                for step, entry in enumerate(entries):
                    heads[entry] = first + step
        return heads

    def write_drawing(
        self, slices: list[Slice], samples: list[Sample], layout: Layout, drawn: Mapping[str, Any]
    ) -> tuple[int, int]:
        """The same for the role that draws the drafts: rows that read one go into `drawn`."""
        later = {s.sequence: s.drawn for s in layout.drafting}
        now = [cut._replace(stop=cut.stop - later.get(cut.sequence, 0)) for cut in slices]
        self._write(now, {s.sequence: s.proposed for s in samples if s.proposed})
        heads: list[int] = [self._ends[s.sequence] - 1 for s in layout.drafting]
        for sample in samples:
            if self._role in sample.sequence.lanes and not sample.drawn:
                end = self._ends[sample.sequence]
                heads += range(end - sample.count, end)
        self._headed = None
        self._keep("samples", heads)
        seats = self._seats.seats
        for column, sample in enumerate(layout.drafting):
            lane = sample.sequence.lanes[self._role]
            begin = len(lane.prompt) + sample.row
            stop = begin + sample.drawn
            drawn["positions"][: sample.drawn, column] = list(range(begin, stop))
            drawn["slots"][: sample.drawn, column] = list(self._slots_of(lane, begin, stop))
            drawn["lanes"][: sample.drawn, column] = seats[lane]
        return self._rows, len(heads)

    def row_of(self, sample: Sample, draft: int) -> int:
        """The row that reads a draft (0 is the first), as `write` laid them out."""
        return self._ends[sample.sequence] - sample.drafts + draft

    def stretch(self, sequence: Sequence) -> tuple[int, int]:
        """Where the sequence's rows begin and end, as they were laid out."""
        return self._starts[sequence], self._ends[sequence]

    @property
    def places(self) -> Places:
        """Where rows begin, and where they end: the same two objects while nothing moves."""
        return self._starts, self._ends

    def _write(self, slices: list[Slice], drafts: Mapping[Sequence, tuple[int, ...]]) -> None:
        if len(slices) >= MANY and not drafts and all(c.stop - c.start == 1 for c in slices):
            self._write_tokens(slices)
        else:
            self._write_stretches(slices, drafts)

    def _write_tokens(self, slices: list[Slice]) -> None:
        """A token each: the step that comes again and again, a column at a time."""
        lanes, count = [cut.lane for cut in slices], len(slices)
        seats = self._seats.seat(lanes)
        if lanes != self._lanes:
            self._lanes = lanes
            self._starts = {cut.sequence: at for at, cut in enumerate(slices)}
            self._ends = {cut.sequence: at + 1 for at, cut in enumerate(slices)}
            self._keep("lanes", [seats[lane] for lane in lanes])
        positions = np.fromiter([cut.start for cut in slices], np.int32, count)
        self._arrays["ids"][:count] = [_token(cut) for cut in slices]
        self._arrays["positions"][:count] = positions
        self._arrays["slots"][:count] = self._seats.slots(positions, self._slots)
        self._rows = count

    def _write_stretches(
        self, slices: list[Slice], drafts: Mapping[Sequence, tuple[int, ...]]
    ) -> None:
        self._lanes = []
        seats = self._seats.seat([cut.lane for cut in slices])
        ids: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        lanes: list[int] = []
        self._starts, self._ends = {}, {}
        for cut in slices:
            known = cut.sequence.tokens(cut.lane, cut.start, cut.stop)
            later = drafts.get(cut.sequence, ())
            self._starts[cut.sequence] = len(ids)
            ids += known
            ids += [0] * (cut.stop - cut.start - len(known) - len(later))  # still in flight
            ids += later
            positions += range(cut.start, cut.stop)
            slots += self._slots_of(cut.lane, cut.start, cut.stop)
            lanes += [seats[cut.lane]] * (cut.stop - cut.start)
            self._ends[cut.sequence] = len(ids)
        self._rows = len(ids)
        for name, values in (("ids", ids), ("positions", positions), ("slots", slots)):
            self._arrays[name][: len(values)] = values
        self._keep("lanes", lanes)

    def _keep(self, name: str, values: list[int]) -> None:
        """Fill a column, unless it says so already: from step to step these seldom change."""
        if self._lasting.get(name) != values:
            self._arrays[name][: len(values)] = values
            self._lasting[name] = values

    def _slots_of(self, lane: Lane, start: int, stop: int) -> Seq[int]:
        size, pages = self._slots, lane.pages
        page, at = divmod(start, size)
        if at + stop - start <= size:  # the usual case: all of them in one page
            first = pages[page] * size + at
            return range(first, first + stop - start)
        return [pages[at // size] * size + at % size for at in range(start, stop)]


def _token(cut: Slice) -> int:
    """The one token of a slice; 0 while it is in flight."""
    at, written = cut.start - len(cut.lane.prompt), cut.sequence.continuation
    if at < 0:
        return cut.lane.prompt[at]
    return written[at] if at < len(written) else 0
