"""Steps of few sizes: a batch is filled up with sequences that nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxyfuse.plan import Plan, Sample, Slice
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio

EARLY, LATER = (1, 2, 4, 8), 8  # sizes: these, then every multiple


def sizes(most: int) -> list[int]:
    """The sizes of batches of up to `most` sequences, smallest first."""
    return [*(size for size in EARLY if size < most), *range(2 * LATER, most, LATER), most]


class Padding:
    """Fills up the steps in which every row is sampled and every sequence drafts as far.

    Those are the steps of decoding, drafted ahead or not. Each has one of few shapes then: size and
    drafts, all roles or the base alone. Sequences filled in write to the page `null` and no other.
    """

    def __init__(
        self, slots: Mapping[Role, int], null: int, *, sequences: int, rows: int, drafts: int
    ) -> None:
        """The most sequences, drafts of each, and rows of a forward and of the sampler."""
        self.sizes = sizes(sequences)
        self._slots = slots
        self._null = null
        self._rows = rows
        self._drafts = drafts
        self._ghosts = {
            roles: [_ghost(roles, slots, null, drafts) for _ in range(sequences)]
            for roles in {tuple(slots), (Role.BASE,)}
        }

    def fill(self, plan: Plan) -> tuple[Plan, bool]:
        """The plan, filled up where it can be, and whether it was."""
        if not plan.samples or not _regular(plan):
            return plan, False
        first, count = plan.samples[0], len(plan.samples)
        size = next(size for size in self.sizes if size >= count)
        if size * first.count > self._rows:
            return plan, False
        ghosts = self._ghosts[first.sequence.lanes.roles]
        return _with(plan, ghosts[: size - count], first), True

    def empty(
        self, size: int, drawn: int, roles: tuple[Role, ...], looked_up: int = 0
    ) -> Plan | None:
        """A plan of nothing real; None where it has more drafts or rows than there may be."""
        drafts = drawn + looked_up
        if drafts > self._drafts or size * (1 + drafts) > self._rows:
            return None
        ghosts = self._ghosts[roles]
        like = Sample(ghosts[0], 0, 1 + drafts, (0,) * looked_up, drawn)
        return _with(self._nothing(), ghosts[:size], like)

    def prompt(self, tokens: int) -> Plan:
        """A plan that reads a prompt which is nobody's, in each role."""
        plan = self._nothing()
        one = _ghost(plan.slices.roles, self._slots, self._null, 0, tokens)
        for role, lane in one.lanes.items():
            plan.slices[role].append(Slice(one, lane, 0, tokens))
        return plan

    def asking(self, params: SamplingParams, roles: tuple[Role, ...]) -> Plan:
        """A plan of one row, which is nobody's, that asks for this."""
        one = _ghost(roles, self._slots, self._null, 0, params=params)
        return _with(self._nothing(), [one], Sample(one, 0, 1))

    def _nothing(self) -> Plan:
        return Plan(Trio({role: [] for role in self._slots}), [])


def _regular(plan: Plan) -> bool:
    """Whether every row is sampled, by sequences of the same roles that all draft so far."""
    shapes = {(s.count, s.drawn, s.drafts, len(s.sequence.lanes)) for s in plan.samples}
    count, _, drafts, roles = shapes.pop()
    rows = len(plan.samples) * count
    return (
        not shapes
        and count == 1 + drafts
        and all(
            sum(cut.stop - cut.start for cut in cuts) == (rows if role < roles else 0)
            for role, cuts in plan.slices.items()
        )
    )


def _with(plan: Plan, ghosts: Iterable[Sequence], like: Sample) -> Plan:
    """The plan, and each ghost with as many rows and drafts as this sample has."""
    slices = {role: list(cuts) for role, cuts in plan.slices.items()}
    samples = list(plan.samples)
    for ghost in ghosts:
        samples.append(like._replace(sequence=ghost, row=0, proposed=(0,) * len(like.proposed)))
        for role, lane in ghost.lanes.items():
            slices[role].append(Slice(ghost, lane, 0, like.count))
    return Plan(Trio(slices), samples)


def _ghost(
    roles: tuple[Role, ...],
    slots: Mapping[Role, int],
    null: int,
    drafts: int,
    tokens: int = 1,
    params: SamplingParams | None = None,
) -> Sequence:
    most = tokens + drafts
    lanes = {role: Lane((0,) * tokens, pages=[null] * -(-most // slots[role])) for role in roles}
    return Sequence("", 0, params or SamplingParams(), 1.0, 0, Trio(lanes))
