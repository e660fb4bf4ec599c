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


class Sample(NamedTuple):  # as many are made as there are sequences, in every step
    """Sampler rows [row, row + count) of a sequence; each lane's slice ends on the last of them.

    A row reads the token before it. Where that is neither of the prompt nor of the continuation it
    is a draft: one of `proposed`, or of the `drawn` that a model draws ahead during the step.
    """

    sequence: Sequence
    row: int
    count: int  # type: ignore[assignment]  # and not what tuples call so
    proposed: tuple[int, ...] = ()
    drawn: int = 0

    @property
    def drafts(self) -> int:
        """How many of the rows read a draft: the last ones."""
        return len(self.proposed) + self.drawn


class Draft(NamedTuple):
    """Tokens to verify after a sequence's next one: `length` drawn by a model, or those named."""

    length: int = 0
    tokens: tuple[int, ...] = ()


NOTHING = Draft()


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
