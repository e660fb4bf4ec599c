"""Launch: what the scheduler planned, as tensors, through three forwards and one sampler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import TypeVar

from proxyfuse.models.decoder import Decoder, Rows, allocate_work
from proxyfuse.plan import Plan
from proxyfuse.runner import warmup
from proxyfuse.runner.ahead import Ahead, ahead_fields
from proxyfuse.runner.arena import Arena
from proxyfuse.runner.assembly import Assembly
from proxyfuse.runner.device import Device, Event
from proxyfuse.runner.drafts import Drafts, draft_fields
from proxyfuse.runner.draws import Flight
from proxyfuse.runner.exchange import Exchange
from proxyfuse.runner.forward import Forward
from proxyfuse.runner.layout import Counted, Layout, lay_out
from proxyfuse.runner.outcome import Outcome, Risen
from proxyfuse.runner.padding import Padding
from proxyfuse.runner.rows import RowWriter, row_fields
from proxyfuse.runner.sampler_rows import SamplerWriter, sampler_fields
from proxyfuse.runner.stage import Stage
from proxyfuse.runner.staging import Staging
from proxyfuse.runner.streams import Streams
from proxyfuse.runner.warmup import Shape
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.proxy_sample import SampleDraws

T = TypeVar("T")
TIMES = 2  # until a step of a shape is captured


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
        arenas: Trio[Arena],
        capacity: Capacity,
        vocab: int,
        stage: Stage,
        streams: Streams | None = None,
        *,
        pads: bool = False,
        ahead: AheadOps | None = None,
    ) -> None:
        """`streams`: of the device that `stage` gives its work to; None: the host computes.

        pads: steps are filled up to few sizes; the arena's last page is for what nobody reads.
        ahead: a step may be planned and launched before the one before it has landed.
        """
        device = None if streams is None else streams.device
        self._streams = streams
        self.arenas = arenas  # of equal pages; one, unless the proxies are elsewhere
        self.decoders = decoders
        slots = arenas.base.geometry.slots
        self._capacity = capacity
        self._staging = _staging(slots, capacity, device)
        sizes = (capacity.samples, capacity.drafts, capacity.sequences)
        self._outcome = Outcome(*sizes, vocab, device)
        self._drafts = Drafts(self._staging, self._outcome)
        self._writers = Trio(
            {
                role: RowWriter(role, _part(self._staging.host, role), slots[role])
                for role in decoders
            }
        )
        self._padding = (
            None
            if not pads
            else Padding(
                slots,
                arenas.base.pages - 1,
                sequences=capacity.sequences,
                rows=min(capacity.rows, capacity.samples),
                drafts=min(capacity.drafts, capacity.tokens - 1),
            )
        )
        self._sampler_rows = SamplerWriter(self._staging, vocab, device)
        forwards = {role: self._forward(role, decoders[role], stage) for role in decoders}
        self._ahead = None if ahead is None else Ahead(ahead, self._staging, slots)
        self._assembly = Assembly(
            stage, Trio(forwards), self._drafts, self._staging.words, self._ahead
        )

    @property
    def ahead(self) -> bool:
        """Whether a step may be planned and launched before the one before it has landed."""
        return self._ahead is not None

    def _forward(self, role: Role, decoder: Decoder, stage: Stage) -> Forward:
        arena, capacity = self.arenas[role], self._capacity
        dtype, geometry = decoder.weights.embedding.dtype, arena.geometry
        kv = arena.view(geometry.shapes[role], geometry.slots[role], dtype)
        work = allocate_work(
            decoder.config, capacity.rows, capacity.samples, dtype, arena.memory.device
        )
        step = Rows(**_part(self._staging.device, role))
        rows = [step, *self._drafts.rows(step.page_table)]
        exchange = None
        if self._streams is not None and self._streams.proxies is not None and role > Role.BASE:
            exchange = Exchange(self._streams.device, self._streams.proxies, rows, work.logits)
            rows = exchange.rows
        return Forward(decoder, rows, kv, work, stage, role, exchange)

    def launch(
        self,
        plan: Plan,
        drawer: Role = Role.EXPERT,
        least: float = -inf,
        steepness: float = 1.0,
    ) -> Flight:
        """Begin one step; a device beside the host is not done when this returns.

        On such a device the flight before the last must have landed.

        drawer: who draws the drafts that the plan leaves to be drawn. least, steepness: when that
        may end early; see `stage.Launch.run`.
        """
        padded, regular = (plan, False) if self._padding is None else self._padding.fill(plan)
        with self._on_main():
            flight = self._launch(padded, regular, drawer, least, steepness)
        return flight if padded is plan else replace(flight, plan=plan)

    def prepare(self, shapes: Iterable[Shape]) -> int:
        """Make steps of these shapes ready to be run at once, in order, within `warmup`'s bounds.

        How many were. Steps that are not ready run too, call by call.
        """
        padding, end = self._padding, monotonic() + warmup.SECONDS
        assert padding is not None
        longest = min(self._capacity.rows, self._capacity.tokens)
        for tokens in {min(count, longest) for count in warmup.PROMPTS}:
            self._rehearse(padding.prompt(tokens), Role.EXPERT, ready=False)
        count = 0
        for size, roles, drafts, drawer in shapes:
            looked_up = drafts if drawer is None else 0
            plan = padding.empty(size, drafts - looked_up, roles, looked_up)
            if count == warmup.MOST or monotonic() > end:
                break
            if plan is not None:
                count += 1
                for _ in range(TIMES):
                    self._rehearse(plan, drawer or Role.EXPERT, ready=True)
        return count

    def _rehearse(self, plan: Plan, drawer: Role, *, ready: bool) -> None:
        with self._on_main():
            flight = self._launch(plan, ready, drawer, -inf, 1.0, ready=ready)
        flight.land()

    def _launch(
        self,
        plan: Plan,
        regular: bool,
        drawer: Role,
        least: float,
        steepness: float,
        *,
        ready: bool = False,
    ) -> Flight:
        layout = lay_out(plan.samples)
        rows = self._sampler_rows.write(plan.samples, layout) if plan.samples else None
        step = self._write(plan, layout, drawer if layout.drafting else None, regular)
        if self._ahead is not None:
            self._ahead.write(plan, layout, self._writers)
        histories = self._sampler_rows.history_index(layout)
        self._staging.upload()
        draws = self._outcome.draws(plan.samples)
        lasting = rows is None or rows is self._sampler_rows.plain
        launch, familiar = self._assembly.launch(step, rows, draws, histories, lasting, ready)
        fed = launch.run(least, steepness)
        return Flight(plan, layout, *self._rise(draws), fed, familiar)

    def _on_main(self) -> AbstractContextManager[object]:
        return nullcontext() if self._streams is None else self._streams.on_main()

    def _rise(self, draws: SampleDraws) -> tuple[Risen, Event | None]:
        """Begin the copy up, and the event that it is done by."""
        risen = self._outcome.rise(draws)
        return risen, None if self._streams is None else self._streams.reached()

    def _write(self, plan: Plan, layout: Layout, drawer: Role | None, regular: bool) -> Counted:
        counts = {}
        for role, writer in self._writers.items():
            slices = plan.slices[role]
            if role is drawer:
                drawn = self._drafts.host
                counts[role] = writer.write_drawing(slices, plan.samples, layout, drawn)
            else:
                counts[role] = writer.write(slices, plan.samples, layout)
        if drawer is not None:
            readers = {role: one for role, one in self._writers.items() if role is not drawer}
            self._drafts.point(layout, readers)
        alone = len(plan.samples) == 1 and all(len(cuts) <= 1 for cuts in plan.slices.values())
        return Counted(layout, counts, drawer, alone, regular)


def _staging(slots: Trio[int], capacity: Capacity, device: Device | None) -> Staging:
    """Everything that a step sends down, in one buffer."""
    fields = dict(sampler_fields(capacity.samples))
    for role, size in slots.items():
        pages = -(-capacity.tokens // size)
        own = row_fields(capacity.rows, capacity.sequences, pages, capacity.samples)
        fields |= {f"{role.label}.{name}": field for name, field in own.items()}
    sizes = (capacity.rows, capacity.samples, capacity.sequences, capacity.drafts)
    fields |= ahead_fields(*sizes, slots.roles)
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
