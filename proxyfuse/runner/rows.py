"""One role's share of a plan as packed rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from proxyfuse.plan import Sample, Slice
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
        self._seats: dict[Lane, int] = {}
        self._written: dict[Lane, tuple[list[int], int]] = {}

    def seat(self, lanes: list[Lane]) -> dict[Lane, int]:
        """A seat for each of `lanes`, their pages written; lanes that are not named lose theirs."""
        wanted = set(lanes)
        for gone in [lane for lane in self._seats if lane not in wanted]:
            del self._seats[gone], self._written[gone]
        taken = set(self._seats.values())
        free = (seat for seat in range(len(self._table)) if seat not in taken)
        for lane in lanes:
            if lane not in self._seats:
                self._seats[lane] = next(free)
            self._write(lane)
        return self._seats

    def _write(self, lane: Lane) -> None:
        pages, done = self._written.get(lane, (None, 0))
        if pages is not lane.pages:  # a preempted lane comes back with a new list
            done = 0
        if done < len(lane.pages):
            self._table[self._seats[lane], done : len(lane.pages)] = lane.pages[done:]
        self._written[lane] = (lane.pages, len(lane.pages))


class RowWriter:
    """Writes one role's slices into its staging arrays."""

    def __init__(self, role: Role, arrays: Mapping[str, np.ndarray], slots: int) -> None:
        self._role = role
        self._arrays = arrays
        self._slots = slots  # slots of a page
        self._seats = Seats(arrays["page_table"])

    def write(self, slices: list[Slice], samples: list[Sample]) -> tuple[int, int]:
        """Fill the arrays; how many rows run, and how many of them feed the head."""
        seats = self._seats.seat([cut.lane for cut in slices])
        ids: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        lanes: list[int] = []
        ends: dict[Sequence, int] = {}
        for cut in slices:
            ids += cut.sequence.tokens(cut.lane, cut.start, cut.stop)
            positions += range(cut.start, cut.stop)
            slots += self._slots_of(cut.lane, cut.start, cut.stop)
            lanes += [seats[cut.lane]] * (cut.stop - cut.start)
            ends[cut.sequence] = len(ids)
        heads: list[int] = []
        for sample in samples:
            if self._role in sample.sequence.lanes:
                end = ends[sample.sequence]
                heads += range(end - sample.count, end)
        self._fill(ids=ids, positions=positions, slots=slots, lanes=lanes, samples=heads)
        return len(ids), len(heads)

    def _slots_of(self, lane: Lane, start: int, stop: int) -> list[int]:
        size, pages = self._slots, lane.pages
        return [pages[at // size] * size + at % size for at in range(start, stop)]

    def _fill(self, **columns: list[int]) -> None:
        for name, values in columns.items():
            self._arrays[name][: len(values)] = values
