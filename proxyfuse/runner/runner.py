"""Launch: what the scheduler planned, as tensors, through three forwards and one sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TypeVar

import torch

from proxyfuse.models.decoder import Decoder, Rows, allocate_work
from proxyfuse.plan import Plan, Sample
from proxyfuse.runner.arena import Arena
from proxyfuse.runner.assembly import Assembly, Counted
from proxyfuse.runner.drafts import Drafts, draft_fields
from proxyfuse.runner.draws import Flight
from proxyfuse.runner.forward import Forward
from proxyfuse.runner.layout import Layout, lay_out
from proxyfuse.runner.rows import RowWriter, row_fields
from proxyfuse.runner.sampler_rows import SamplerWriter, sampler_fields
from proxyfuse.runner.stage import Stage
from proxyfuse.runner.stage_plain import PlainStage
from proxyfuse.runner.stage_taped import TapedStage
from proxyfuse.runner.staging import Staging
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler

if TYPE_CHECKING:
    from proxyfuse_kernels._cpu import Team

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The most that one step may hold; buffers are made for it once."""

    rows: int  # of one role's forward
    samples: int  # rows of the sampler
    sequences: int  # running at once
    tokens: int  # of the longest lane
    drafts: int  # of one sequence


class Runner:
    """Owns everything on the device: weights, arena, buffers. Decides nothing."""

    def __init__(
        self,
        decoders: Trio[Decoder],
        arena: Arena,
        capacity: Capacity,
        vocab: int,
        team: Team | None = None,
    ) -> None:
        """`team`: the threads of the CPU's compiled operations; None runs the plain ones."""
        device = arena.memory.device
        self.arena = arena
        self.decoders = decoders
        slots = arena.geometry.slots
        self._vocab = vocab
        self._capacity = capacity
        self._staging = _staging(slots, capacity, device)
        self._drafts = Drafts(self._staging, capacity.drafts, capacity.sequences)
        self._writers = Trio(
            {
                role: RowWriter(role, _part(self._staging.host, role), slots[role])
                for role in decoders
            }
        )
        self._sampler_rows = SamplerWriter(self._staging, vocab, device)
        sampler = Sampler(vocab, team)
        stage = PlainStage(sampler) if team is None else TapedStage(sampler, team)
        forwards = {role: self._forward(role, decoders[role], stage) for role in decoders}
        self._assembly = Assembly(stage, Trio(forwards), self._drafts, self._staging.words)
        self._draws: dict[tuple[int, bool], SampleDraws] = {}

    def _forward(self, role: Role, decoder: Decoder, stage: Stage) -> Forward:
        arena, capacity = self.arena, self._capacity
        dtype, geometry = decoder.weights.embedding.dtype, arena.geometry
        kv = arena.view(geometry.shapes[role], geometry.slots[role], dtype)
        work = allocate_work(
            decoder.config, capacity.rows, capacity.samples, dtype, arena.memory.device
        )
        rows = Rows(**_part(self._staging.device, role))
        return Forward(decoder, rows, self._drafts.rows(rows.page_table), kv, work, stage)

    @torch.inference_mode()
    def launch(
        self,
        plan: Plan,
        drawer: Role = Role.EXPERT,
        least: float = -inf,
        doubt: float = 1.0,
    ) -> Flight:
        """Begin one step; on a GPU this returns before it is done.

        drawer: who draws the drafts that the plan leaves to be drawn. least, doubt: when drafting
        may end early; see `stage.Launch.run`.
        """
        layout = lay_out(plan.samples)
        rows = self._sampler_rows.write(plan.samples, layout) if plan.samples else None
        step = self._write(plan, layout, drawer if layout.drafting else None)
        histories = self._sampler_rows.history_index(layout)
        self._staging.upload()
        draws = self._draws_for(plan.samples)
        lasting = rows is None or rows is self._sampler_rows.plain
        launch, familiar = self._assembly.launch(step, rows, draws, histories, lasting)
        fed = launch.run(least, doubt)
        return Flight(plan, layout, draws, self._drafts, fed, familiar)

    def _write(self, plan: Plan, layout: Layout, drawer: Role | None) -> Counted:
        counts = {}
        for role, writer in self._writers.items():
            slices = plan.slices[role]
            if role is drawer:
                drawn = self._drafts.host
                counts[role] = writer.write_drawing(slices, plan.samples, layout, drawn)
            else:
                counts[role] = writer.write(slices, plan.samples, layout)
        if drawer is not None:
            readers = {
                f"{role.label}.ids": writer
                for role, writer in self._writers.items()
                if role is not drawer
            }
            self._drafts.point(layout, readers)
        alone = len(plan.samples) == 1 and all(len(cuts) <= 1 for cuts in plan.slices.values())
        return Counted(layout, counts, drawer, alone)

    def _draws_for(self, samples: list[Sample]) -> SampleDraws:
        """Buffers for what the samples report."""
        wanted = [_likeliest(sample) for sample in samples]
        more = any(count is not None for count in wanted)
        top = min(max((count or 0 for count in wanted), default=0), self._vocab)
        if (top, more) not in self._draws:
            device = self.arena.memory.device
            made = SampleDraws.empty(self._capacity.samples, top, more, more, device)
            self._draws[top, more] = made
        return self._draws[top, more]


def _likeliest(sample: Sample) -> int | None:
    """The most of the likeliest tokens that a row of it reports; None: no log-probabilities."""
    params = sample.sequence.params
    of_prompt = params.prompt_logprobs if sample.row < 0 else None
    drawn = params.logprobs if sample.row + sample.count > 0 else None
    return max((count for count in (of_prompt, drawn) if count is not None), default=None)


def _staging(slots: Trio[int], capacity: Capacity, device: torch.device) -> Staging:
    """Everything that a step sends down, in one buffer."""
    fields = dict(sampler_fields(capacity.samples))
    for role, size in slots.items():
        pages = -(-capacity.tokens // size)
        own = row_fields(capacity.rows, capacity.sequences, pages, capacity.samples)
        fields |= {f"{role.label}.{name}": field for name, field in own.items()}
    fields |= draft_fields(capacity.drafts, capacity.sequences, max(len(slots) - 1, 1))
    return Staging(fields, device)


def _part(arrays: Mapping[str, T], role: Role) -> dict[str, T]:
    """One role's arrays under their own names."""
    prefix = f"{role.label}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
