"""Launch: what the scheduler planned, as tensors, through three forwards and one sampler."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from math import inf
from time import monotonic

from torch import Tensor

from proxyfuse.models.decoder import Decoder, Rows, Work, allocate_work
from proxyfuse.plan import Plan
from proxyfuse.runner import warmup
from proxyfuse.runner.ahead import Ahead
from proxyfuse.runner.arena import Arena
from proxyfuse.runner.assembly import Assembly
from proxyfuse.runner.device import Event
from proxyfuse.runner.drafts import Drafts
from proxyfuse.runner.draws import Flight
from proxyfuse.runner.exchange import Exchange
from proxyfuse.runner.forward import Forward
from proxyfuse.runner.joined import Joined
from proxyfuse.runner.layout import Counted, Layout, lay_out
from proxyfuse.runner.outcome import Outcome, Risen
from proxyfuse.runner.padding import Padding
from proxyfuse.runner.pair import MOST, Pair, Paired
from proxyfuse.runner.remembered import Remembered
from proxyfuse.runner.rows import RowWriter
from proxyfuse.runner.sampler_rows import SamplerWriter
from proxyfuse.runner.stage import Stage
from proxyfuse.runner.step_arrays import Capacity, part_of, step_staging
from proxyfuse.runner.streams import Streams
from proxyfuse.runner.warmup import Shape
from proxyfuse.trio import PROXIES, Role, Trio
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.proxy_sample import SampleDraws

TIMES = 2  # until a step of a shape is captured


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
        paired: Paired | None = None,
    ) -> None:
        """`streams`: of the device that `stage` gives its work to; None: the host computes.

        pads: steps are filled up to few sizes; the arena's last page is for what nobody reads.
        ahead: a step may be planned and launched before the one before it has landed.
        paired: both proxies may run as one; only beside `ahead`.
        """
        device = None if streams is None else streams.device
        self._streams = streams
        self.arenas = arenas  # of equal pages; one, unless the proxies are elsewhere
        self.decoders = decoders
        slots = arenas.base.geometry.slots
        self._capacity = capacity
        self._staging = step_staging(slots, capacity, device, paired is not None)
        sizes = (capacity.samples, capacity.drafts, capacity.sequences)
        self._outcome = Outcome(*sizes, vocab, device)
        self._drafts = Drafts(self._staging, self._outcome)
        self._writers = Trio(
            {
                role: RowWriter(role, part_of(self._staging.host, role), slots[role])
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
        self._pair = None
        if paired is not None and ahead is not None:
            self._pair = self._make_pair(paired, stage, ahead)
        forwards = Trio({role: self._forward(role, decoders[role], stage) for role in decoders})
        self._ahead = None if ahead is None else Ahead(ahead, self._staging, slots)
        drafts = capacity.drafts > 0 and len(forwards) > 1
        self._remembered = Remembered(stage, forwards, self._staging, vocab) if drafts else None
        self._assembly = Assembly(
            stage, forwards, self._drafts, self._remembered, self._staging.words, self._ahead
        )

    @property
    def ahead(self) -> bool:
        """Whether a step may be planned and launched before the one before it has landed."""
        return self._ahead is not None

    def wait(self) -> None:
        """Until the device has done all that it was given; a host has."""
        if self._streams is not None:
            self._streams.finish()

    def _forward(self, role: Role, decoder: Decoder, stage: Stage) -> Forward:
        capacity = self._capacity
        kv, work = self._memory(role, decoder, capacity.rows, capacity.samples)
        step = Rows(**part_of(self._staging.device, role))
        rows = [step, *self._drafts.rows(step.page_table)]
        exchange = self._exchange(role, rows, work) if role > Role.BASE else None
        return Forward(decoder, rows, kv, work, stage, role, exchange)

    def _make_pair(self, paired: Paired, stage: Stage, ops: AheadOps) -> Pair:
        """Of both proxies, which have one view of the arena."""
        most = len(PROXIES) * MOST
        kv, work = self._memory(Role.EXPERT, paired.decoder, most, most)
        joined = Joined(ops, self._staging, MOST)
        rows = [joined.rows]
        exchange = self._exchange(Role.EXPERT, rows, work)
        forward = Forward(paired.decoder, rows, kv, work, stage, Role.EXPERT, exchange)
        return Pair(joined, forward, stage, measured=paired.measured)

    def _memory(self, role: Role, decoder: Decoder, rows: int, samples: int) -> tuple[Tensor, Work]:
        """The role's view of the arena, and buffers of forwards."""
        arena = self.arenas[role]
        dtype, geometry = decoder.weights.embedding.dtype, arena.geometry
        kv = arena.view(geometry.shapes[role], geometry.slots[role], dtype)
        return kv, allocate_work(decoder.config, rows, samples, dtype, arena.memory.device)

    def _exchange(self, role: Role, rows: list[Rows], work: Work) -> Exchange | None:
        """With where the proxies are, if that is not where the base is."""
        if self._streams is None or self._streams.proxies is None:
            return None
        return Exchange(self._streams, role, rows, work.logits)

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
        padding, spent = self._padding, 0.0
        assert padding is not None
        longest = min(self._capacity.rows, self._capacity.tokens)
        for tokens in {min(count, longest) for count in warmup.PROMPTS}:
            self._rehearse(padding.prompt(tokens), Role.EXPERT, ready=False)
        for roles in dict.fromkeys(((Role.BASE,), self.decoders.roles)):
            for params in warmup.ASKED:
                self._rehearse(padding.asking(params, roles), Role.EXPERT, ready=False)
        count = 0
        for size, roles, drafts, drawer in shapes:
            looked_up = drafts if drawer is None else 0
            plan = padding.empty(size, drafts - looked_up, roles, looked_up)
            if count == warmup.MOST or spent > warmup.SECONDS:
                break
            if plan is not None:
                count += 1
                again = partial(self._rehearse, plan, drawer or Role.EXPERT, ready=True)
                again()  # compiles what is missing; that takes as long as it takes
                begin = monotonic()
                for _ in range(TIMES - 1):
                    again()
                spent += monotonic() - begin
                if self._pair is not None and not drafts and len(roles) > 1:
                    self._pair.choose(size, again)  # few sizes; the first compiles, too
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
        if self._remembered is not None and drawer is not None and alone:
            self._remembered.turn_to(plan.samples[0].sequence, drawer)
        pair = self._pair if drawer is None and self._pair and self._pair.takes(counts) else None
        return Counted(layout, counts, drawer, alone, regular, pair)
