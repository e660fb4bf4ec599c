"""Who stands where among a step's sampler rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from proxyfuse.plan import Sample
from proxyfuse.runner.pair import Pair
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
    pair: Pair | None = None  # the forward of both proxies, where they run as one

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for steps that take the same parts."""
        layout = self.layout
        sizes = (layout.fused, len(layout.rows), *layout.stretches)
        ways = (self.drawer, self.alone, self.regular, self.pair is None)
        return (*ways, *self.counts.values(), *sizes)


class Pattern(NamedTuple):
    """A layout in numbers: samples by their place in the plan, rows as (sample, step)."""

    drafting: list[int]
    stretches: list[tuple[int, int]]
    entries: list[list[int]]
    rows: list[tuple[int, int]]
    fused: int


def lay_out(samples: Seq[Sample]) -> Layout:
    """The layout of a plan's samples, of which those of three lanes come first."""
    shapes = tuple([(s.count, s.drawn, len(s.sequence.lanes) > 1) for s in samples])
    drafting, stretches, entries, rows, fused = _pattern(shapes)
    return Layout(
        drafting=[samples[at] for at in drafting],
        stretches=stretches,
        entries=entries,
        rows=[(samples[at].sequence, samples[at].row + step) for at, step in rows],
        fused=fused,
    )


@lru_cache(maxsize=256)  # steps of one shape follow each other: what is in here is never written to
def _pattern(shapes: tuple[tuple[int, int, bool], ...]) -> Pattern:
    """For samples of (rows, of these drawn drafts, whether there are three lanes)."""

    def every(samples: Iterable[int]) -> list[tuple[int, int]]:
        """All their rows."""
        return [(at, step) for at in samples for step in range(shapes[at][0])]

    drawn = [own for _, own, _ in shapes]
    drafting = sorted((at for at, own in enumerate(drawn) if own), key=lambda at: -drawn[at])
    rows = [(at, 0) for at in drafting]
    rows += every(at for at, (_, own, three) in enumerate(shapes) if three and not own)
    stretches = []
    for draft in range(1, max(drawn, default=0) + 1):
        reading = [at for at in drafting if drawn[at] >= draft]
        stretches.append((len(rows), len(reading)))
        rows += [(at, draft) for at in reading]
    fused = len(rows)
    rows += every(at for at, (_, _, three) in enumerate(shapes) if not three)
    entries: list[list[int]] = [[] for _ in shapes]
    for place, (at, _) in enumerate(rows):
        entries[at].append(place)
    return Pattern(drafting, stretches, entries, rows, fused)
