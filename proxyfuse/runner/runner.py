"""Launch: what the scheduler planned, as tensors, through three forwards and one sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from proxyfuse.models.decoder import Decoder, Rows, allocate_work
from proxyfuse.plan import Plan, Sample
from proxyfuse.runner.arena import Arena
from proxyfuse.runner.draws import Flight
from proxyfuse.runner.forward import Forward
from proxyfuse.runner.rows import RowWriter, row_fields
from proxyfuse.runner.sampler_rows import SamplerWriter, sampler_fields
from proxyfuse.runner.staging import Staging
from proxyfuse.runner.taped import TapedForward
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler, SampleRows

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
        self._sampler = Sampler(vocab, team)
        self._team = team
        self._staging = _staging(slots, capacity, device)
        self._writers = Trio(
            {
                role: RowWriter(role, _part(self._staging.host, role), slots[role])
                for role in decoders
            }
        )
        self._sampler_rows = SamplerWriter(self._staging, vocab, device)
        self._forwards = Trio(
            {
                role: self._forward(role, decoder, arena, capacity)
                for role, decoder in decoders.items()
            }
        )

    def _forward(self, role: Role, decoder: Decoder, arena: Arena, capacity: Capacity) -> Forward:
        dtype = decoder.weights.embedding.dtype
        geometry = arena.geometry
        kv = arena.view(geometry.shapes[role], geometry.slots[role], dtype)
        work = allocate_work(
            decoder.config, capacity.rows, capacity.samples, dtype, arena.memory.device
        )
        rows = Rows(**_part(self._staging.device, role))
        if self._team is None:
            return Forward(decoder, rows, kv, work)
        return TapedForward(decoder, rows, kv, work, self._team)

    @torch.inference_mode()
    def launch(self, plan: Plan) -> Flight:
        """Begin one step; on a GPU this returns before it is done."""
        rows = self._sampler_rows.write(plan.samples) if plan.samples else None
        counts = {
            role: writer.write(plan.slices[role], plan.samples)
            for role, writer in self._writers.items()
        }
        self._staging.upload()
        logits = [self._forwards[role].run(*count) for role, count in counts.items() if count[0]]
        if rows is None:
            return Flight(plan, None)
        fused = counts[Role.EXPERT][1] if Role.EXPERT in counts else 0
        return Flight(plan, self._sample(plan.samples, logits if fused else logits[:1], rows))

    def _sample(self, samples: list[Sample], logits: list[Tensor], rows: SampleRows) -> SampleDraws:
        wanted = [_likeliest(sample) for sample in samples]
        more = any(count is not None for count in wanted)
        top = max((count or 0 for count in wanted), default=0)
        return self._sampler(logits, rows, top=top, ranks=more, roles=more)


def _likeliest(sample: Sample) -> int | None:
    """How many of the likeliest tokens a sample's rows report; None: no log-probabilities."""
    params = sample.sequence.params
    return params.prompt_logprobs if sample.row < 0 else params.logprobs


def _staging(slots: Trio[int], capacity: Capacity, device: torch.device) -> Staging:
    """Everything that a step sends down, in one buffer."""
    fields = dict(sampler_fields(capacity.samples))
    for role, size in slots.items():
        pages = -(-capacity.tokens // size)
        own = row_fields(capacity.rows, capacity.sequences, pages, capacity.samples)
        fields |= {f"{role.label}.{name}": field for name, field in own.items()}
    return Staging(fields, device)


def _part(arrays: Mapping[str, T], role: Role) -> dict[str, T]:
    """One role's arrays under their own names."""
    prefix = f"{role.label}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
