"""Who stands where among a step's sampler rows."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from proxyfuse.plan import Sample
from proxyfuse.sequence import Sequence
from proxyfuse.trio import Role


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows in stretches: the drafting sequences' first rows, the most drafts first; every row of
    the other sequences of three lanes; then, one stretch a draft, the rows that read it; last the
    rows of sequences of one lane.

    So the rows that read a draft follow the order of those that drew it, a leading part of them,
    and each draft's rows can be computed before the next draft is known.
    """

    drafting: list[Sample]  # those whose drafts are drawn, in order
    stretches: list[tuple[int, int]]  # (begin, length) of the rows that read each draft
    entries: list[list[int]]  # where the rows of each of the plan's samples stand
    rows: list[tuple[Sequence, int]]  # what stands where
    fused: int  # rows of three lanes: the leading ones


@dataclass(frozen=True, slots=True)
class Counted:
    """A step that was written down: what it runs, by the numbers that shape it."""

    layout: Layout
    counts: Mapping[Role, tuple[int, int]]  # rows of each forward, and how many feed its head
    drawer: Role | None  # who draws drafts
    alone: bool  # one sequence has all rows: those past an early end of drafting can be left out
    regular: bool = False  # of one of few shapes, which come again and again

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for steps that take the same parts."""
        layout = self.layout
        sizes = (layout.fused, len(layout.rows), *layout.stretches)
        return (self.drawer, self.alone, self.regular, *self.counts.values(), *sizes)


def lay_out(samples: Seq[Sample]) -> Layout:
    """The layout of a plan's samples, of which those of three lanes come first."""
    drafting = sorted((s for s in samples if s.drawn), key=lambda s: -s.drawn)
    if not drafting:
        return _in_order(samples)
    place: dict[Sequence, list[int]] = {s.sequence: [at] for at, s in enumerate(drafting)}
    rows = [(s.sequence, s.row) for s in drafting]
    fused = [s for s in samples if not s.drawn and len(s.sequence.lanes) > 1]
    _append(rows, place, fused)
    stretches = []
    for draft in range(1, drafting[0].drawn + 1):
        reading = [s for s in drafting if s.drawn >= draft]
        stretches.append((len(rows), len(reading)))
        for sample in reading:
            place[sample.sequence].append(len(rows))
            rows.append((sample.sequence, sample.row + draft))
    together = len(rows)
    _append(rows, place, [s for s in samples if len(s.sequence.lanes) == 1])
    return Layout(drafting, stretches, [place[s.sequence] for s in samples], rows, together)


def _in_order(samples: Seq[Sample]) -> Layout:
    rows: list[tuple[Sequence, int]] = []
    place: dict[Sequence, list[int]] = {}
    _append(rows, place, samples)
    fused = sum(s.count for s in samples if len(s.sequence.lanes) > 1)
    return Layout([], [], [place[s.sequence] for s in samples], rows, fused)


def _append(
    rows: list[tuple[Sequence, int]], place: dict[Sequence, list[int]], samples: Seq[Sample]
) -> None:
    for sample in samples:
        place[sample.sequence] = list(range(len(rows), len(rows) + sample.count))
        rows += [(sample.sequence, sample.row + step) for step in range(sample.count)]
