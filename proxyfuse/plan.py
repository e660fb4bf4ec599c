"""What the scheduler decided for one step, in plain integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Trio


class Slice(NamedTuple):  # a step makes three per sequence: a frozen dataclass costs twice as much
    """Lane tokens [start, stop) to run through the lane's model; its pages are already held."""

    sequence: Sequence
    lane: Lane
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Sampler rows [row, row + count) of a sequence; each lane's slice ends on the last of them."""

    sequence: Sequence
    row: int
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One step. A role's slices may be empty; a sampled sequence has a slice in each lane."""

    slices: Trio[list[Slice]]
    samples: list[Sample]
    preempted: tuple[Sequence, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to run."""
        return not any(self.slices.values())
