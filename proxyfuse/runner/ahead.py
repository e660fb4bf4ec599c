"""Rows planned before the last flight has landed: the device sets right what the host guessed.

The host plans as if every draft of the last flight held. Where some did not, the flight leaves the
number of rows that were too many, its `slack`, and the last token that holds, for each of its
samples. The next one takes its positions back by the slack before it runs, and reads that token.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from proxyfuse.plan import Plan, Sample
from proxyfuse.runner.layout import Counted, Layout
from proxyfuse.runner.rows import Places, RowWriter
from proxyfuse.runner.staging import Fields, Staging
from proxyfuse.sequence import Sequence
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.ops import AheadOps

ROWS = ("positions", "lanes", "slots")
Written = tuple[list[Sequence], list[int], list[Places], list[list[int]]]


def ahead_fields(
    rows: int, samples: int, sequences: int, drafts: int, roles: tuple[Role, ...]
) -> Fields:
    """Which sample of the last flight each row follows; where each sample's rows stand in this."""
    sources = {f"ahead.{role.label}": ((rows,), torch.int32) for role in roles}
    return {
        **sources,
        "ahead.sampler": ((samples,), torch.int32),
        "ahead.drafts": ((drafts, sequences), torch.int32),
        "ahead.readers": ((len(roles), sequences), torch.int32),
        "ahead.entries": ((sequences, 1 + drafts), torch.int32),
        "ahead.counts": ((sequences,), torch.int32),
        "ahead.spare": ((1,), torch.int32),
    }


class Ahead:
    """What one flight leaves for the next, and how the next one's arrays say who follows whom."""

    def __init__(self, ops: AheadOps, staging: Staging, slots: Trio[int]) -> None:
        """`slots`: of a page, by role."""
        self._ops = ops
        self._staging = staging
        self._slots = slots
        self._host = staging.host
        self._device = staging.device
        self._most = len(self._host["ahead.counts"])  # samples; also whom no one follows
        at = staging.words.device
        self._slack = torch.zeros(self._most + 1, dtype=torch.int32, device=at)
        self._last = torch.zeros(self._most, dtype=torch.int32, device=at)
        self._order: dict[Sequence, int] = {}  # of the samples of the last flight
        self._written: Written | None = None  # what the arrays were written from

    def write(self, plan: Plan, layout: Layout, writers: Mapping[Role, RowWriter]) -> None:
        """The arrays of a step whose rows were just written, where they do not say so already."""
        made_of = self._made_of(plan.samples, layout, writers)
        if made_of is None or made_of != self._written:
            self._written = made_of
            self._write(plan, layout, writers)

    def _made_of(
        self, samples: list[Sample], layout: Layout, writers: Mapping[Role, RowWriter]
    ) -> Written | None:
        """Equal for steps of one row each whose arrays are equal; None for any other step."""
        if len(layout.rows) != len(samples):
            return None
        sources = [self._order[s.sequence] if s.row > s.sequence.row else -1 for s in samples]
        places = [writer.places for writer in writers.values()]
        return [one.sequence for one in samples], sources, places, layout.entries

    def _write(self, plan: Plan, layout: Layout, writers: Mapping[Role, RowWriter]) -> None:
        for name in (*(role.label for role in writers), "sampler", "drafts"):
            self._host[f"ahead.{name}"][:] = self._most
        self._host["ahead.readers"][:] = self._staging.word("ahead.spare")
        for sample, entries in zip(plan.samples, layout.entries, strict=True):
            if sample.row > sample.sequence.row:
                self._follow(sample, entries, writers)
        for column, sample in enumerate(layout.drafting):
            if sample.row > sample.sequence.row:
                self._host["ahead.drafts"][:, column] = self._order[sample.sequence]
        self._number(plan.samples, layout)

    def _follow(
        self, sample: Sample, entries: list[int], writers: Mapping[Role, RowWriter]
    ) -> None:
        source = self._order[sample.sequence]
        self._host["ahead.sampler"][entries] = source
        for role in sample.sequence.lanes:
            begin, end = writers[role].stretch(sample.sequence)
            self._host[f"ahead.{role.label}"][begin:end] = source
            first = self._staging.word(f"{role.label}.ids") + begin
            self._host["ahead.readers"][role, source] = first

    def _number(self, samples: list[Sample], layout: Layout) -> None:
        """Who stands where, for the flight that comes after this one."""
        self._order = {sample.sequence: at for at, sample in enumerate(samples)}
        self._host["ahead.counts"][:] = 1
        for at, (sample, entries) in enumerate(zip(samples, layout.entries, strict=True)):
            rows = entries[-1 - sample.drafts :]  # those before are of tokens that are known
            self._host["ahead.counts"][at] = len(rows)
            self._host["ahead.entries"][at, : len(rows)] = rows

    def begin(self, step: Counted, _: object) -> None:
        """What comes before the forwards: positions, slots and last tokens as they are."""
        ops, of, slack = self._ops, self._device, self._slack
        for role, (count, _) in step.counts.items():
            if count:
                rows = [of[f"{role.label}.{name}"][:count] for name in ROWS]
                self._correct(role, of[f"ahead.{role.label}"][:count], *rows)
        if step.drawer is not None:
            drafts = len(step.layout.stretches)
            rows = [of[f"draft.{name}"][:drafts].view(-1) for name in ROWS]
            self._correct(step.drawer, of["ahead.drafts"][:drafts].view(-1), *rows)
        samples = len(step.layout.rows)
        ops.retract(of["position"][:samples], of["ahead.sampler"][:samples], slack)
        ops.place(self._last, of["ahead.readers"], self._staging.words)

    def _correct(
        self, role: Role, source: Tensor, positions: Tensor, lanes: Tensor, slots: Tensor
    ) -> None:
        table = self._device[f"{role.label}.page_table"]
        self._ops.retract(positions, source, self._slack)
        self._ops.locate(positions, lanes, table, self._slots[role], slots)

    def end(self, tokens: Tensor, _: object) -> None:
        """What comes after the draws: how many rows of each sample hold, and its last token."""
        of = self._device
        self._ops.accept(
            tokens,
            of["base.ids"],
            of["base.samples"],
            of["ahead.entries"],
            of["ahead.counts"],
            self._slack[:-1],
            self._last,
        )
