"""One step's budget, and the plan that it is spent on."""

from __future__ import annotations

from proxyfuse.plan import Draft, Plan, Sample, Slice
from proxyfuse.sequence import Sequence
from proxyfuse.trio import Role, Trio


class Step:
    """A plan in the making: `rows` of each role's forward and `sampler_rows` are left to spend."""

    __slots__ = ("_alone", "_fused", "_slices", "behind", "filling", "rows", "sampler_rows")

    def __init__(self, roles: tuple[Role, ...], rows: int, sampler_rows: int) -> None:
        self.rows = [rows] * len(roles)  # by role
        self.sampler_rows = sampler_rows
        self.filling: set[bytes] = set()  # names of prompt pages that this step completes
        self.behind: list[Sequence] = []  # running, with rows wanted that were not to be had
        self._slices: dict[Role, list[Slice]] = {role: [] for role in roles}
        self._fused: list[Sample] = []
        self._alone: list[Sample] = []

    def count(self, sequence: Sequence, fronts: list[int], wanted: int) -> int:
        """How many of the next `wanted` rows can be sampled: 0 until every lane can get to them.

        fronts: those of the sequence.
        """
        count = min(wanted, self.sampler_rows)
        for (role, lane), front in zip(sequence.lanes.items(), fronts, strict=True):
            behind = front - lane.computed
            assert behind >= 0, "a lane passed its next row: its last step was not settled"
            count = min(count, self.rows[role] - behind)
        return max(count, 0)

    def stops(self, sequence: Sequence, fronts: list[int], count: int) -> list[int]:
        """Where each lane's slice stops: past `count` rows, or as near the first as it can get."""
        if count:
            return [front + count for front in fronts]
        return [
            min(front, lane.computed + self.rows[role])
            for (role, lane), front in zip(sequence.lanes.items(), fronts, strict=True)
        ]

    def take(self, sequence: Sequence, stops: list[int], count: int, draft: Draft) -> None:
        """Spend rows on getting each lane to its stop, and on sampling `count` rows there.

        Of the draft as much is taken as there are rows after the first.
        """
        for (role, lane), stop in zip(sequence.lanes.items(), stops, strict=True):
            start = lane.computed
            if stop > start:
                self._slices[role].append(Slice(sequence, lane, start, stop))
                self.rows[role] -= stop - start
                lane.computed = stop
        if count:
            samples = self._alone if len(sequence.lanes) == 1 else self._fused
            proposed = draft.tokens[: count - 1]
            drawn = min(draft.length, count - 1)
            samples.append(Sample(sequence, sequence.reach, count, proposed, drawn))
            sequence.ahead += count
            self.sampler_rows -= count

    def plan(self, preempted: list[Sequence]) -> Plan:
        """What was decided. Rows of three lanes come first: those are what the sampler fuses."""
        return Plan(Trio(self._slices), self._fused + self._alone, tuple(preempted))
