"""The plain operations and the sampler, as work for a fake device: each says what it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any

from torch import Tensor

from proxyfuse.runner.stage_plain import Draw
from proxyfuse_kernels.hindsight import Hindsight
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows
from proxyfuse_kernels.quantised import Weight
from proxyfuse_kernels.reference import ReferenceOps
from tests.fake.device import FakeDevice, Spots
from tests.fake.races import Spot, spots_of

PLAIN = ReferenceOps()


def all_of(*tensors: Tensor | None) -> Spots:
    return lambda: chain.from_iterable(spots_of(x) for x in tensors if x is not None)


def pages_of(cache: Tensor, numbers: Iterable[int], harmless: int | None) -> Iterable[Spot]:
    """Whole pages of the arena, which roles view in strides that overlap."""
    arena = ("pages", cache.untyped_storage().data_ptr())
    return [(arena, page, page + 1) for page in set(numbers) if page != harmless]


class FakeOps:
    """`Ops` that does nothing yet. `harmless`: a page that all may write and nobody believes."""

    def __init__(self, device: FakeDevice, plain: AheadOps = PLAIN) -> None:
        """`plain`: what does the work, once it is done."""
        self._world = device.world
        self._plain = plain
        self.harmless: int | None = None

    def _give(self, name: str, act: Callable[[], object], reads: Spots, writes: Spots) -> None:
        self._world.give(self._world.on[-1], name, act, reads, writes)

    def embed(self, ids: Tensor, table: Tensor, out: Tensor) -> None:
        act = lambda: self._plain.embed(ids, table, out)  # noqa: E731
        self._give("embed", act, all_of(ids), all_of(out))

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
        act = lambda: self._plain.rms_norm(x, weight, eps, out)  # noqa: E731
        self._give("rms_norm", act, all_of(x), all_of(out))

    def linear(
        self, x: Tensor, weight: Weight, bias: Tensor | None, out: Tensor, *, add: bool = False
    ) -> None:
        act = lambda: self._plain.linear(x, weight, bias, out, add=add)  # noqa: E731
        self._give("linear", act, all_of(x), all_of(out))

    def select(self, x: Tensor, rows: Tensor, out: Tensor) -> None:
        self._give("select", lambda: self._plain.select(x, rows, out), all_of(x, rows), all_of(out))

    def place(self, tokens: Tensor, index: Tensor, out: Tensor) -> None:
        def written() -> Iterable[Spot]:
            return chain.from_iterable(spots_of(out[i : i + 1]) for i in index.flatten().tolist())

        act = lambda: self._plain.place(tokens, index, out)  # noqa: E731
        self._give("place", act, all_of(tokens, index), written)

    def recall(
        self,
        logits: Tensor,
        ids: Tensor,
        rows: Tensor,
        text: Tensor,
        hindsight: Hindsight,
        out: Tensor,
    ) -> None:
        read = (logits, ids, rows, text, hindsight.values, hindsight.tags)
        act = lambda: self._plain.recall(logits, ids, rows, text, hindsight, out)  # noqa: E731
        self._give("recall", act, all_of(*read), all_of(out))

    def remember(
        self,
        logits: Sequence[Tensor],
        alpha: Tensor,
        drawn: Tensor,
        ids: Tensor,
        rows: Tensor,
        text: Tensor,
        hindsight: Hindsight,
    ) -> None:
        read = (*logits, alpha, drawn, ids, rows, text)
        act = lambda: self._plain.remember(  # noqa: E731
            logits, alpha, drawn, ids, rows, text, hindsight
        )
        self._give("remember", act, all_of(*read), all_of(hindsight.values, hindsight.tags))

    def rope_append(
        self,
        qkv: Tensor,
        positions: Tensor,
        slots: Tensor,
        rotation: Tensor,
        cache: Tensor,
        **how: Any,
    ) -> None:
        def written() -> Iterable[Spot]:
            pages = (slots // cache.shape[2]).tolist()
            return chain(spots_of(qkv), pages_of(cache, pages, self.harmless))

        act = lambda: self._plain.rope_append(qkv, positions, slots, rotation, cache, **how)  # noqa: E731
        self._give("rope_append", act, all_of(qkv, positions, slots), written)

    def paged_attention(
        self,
        qkv: Tensor,
        positions: Tensor,
        lanes: Tensor,
        page_table: Tensor,
        cache: Tensor,
        out: Tensor,
        **how: Any,
    ) -> None:
        def read() -> Iterable[Spot]:
            pages: list[int] = []
            for lane, position in zip(lanes.tolist(), positions.tolist(), strict=True):
                pages += page_table[lane, : position // cache.shape[2] + 1].tolist()
            small = all_of(qkv, positions, lanes, page_table)()
            return chain(small, pages_of(cache, pages, self.harmless))

        act = lambda: self._plain.paged_attention(  # noqa: E731
            qkv, positions, lanes, page_table, cache, out, **how
        )
        self._give("attention", act, read, all_of(out))

    def silu_mul(self, gate_up: Tensor, out: Tensor) -> None:
        act = lambda: self._plain.silu_mul(gate_up, out)  # noqa: E731
        self._give("silu_mul", act, all_of(gate_up), all_of(out))

    def accept(
        self,
        tokens: Tensor,
        ids: Tensor,
        heads: Tensor,
        entries: Tensor,
        counts: Tensor,
        slack: Tensor,
        last: Tensor,
    ) -> None:
        read = (tokens, ids, heads, entries, counts)
        act = lambda: self._plain.accept(*read, slack, last)  # noqa: E731
        self._give("accept", act, all_of(*read), all_of(slack, last))

    def retract(self, positions: Tensor, source: Tensor, slack: Tensor) -> None:
        act = lambda: self._plain.retract(positions, source, slack)  # noqa: E731
        self._give("retract", act, all_of(source, slack), all_of(positions))

    def locate(
        self, positions: Tensor, lanes: Tensor, page_table: Tensor, size: int, slots: Tensor
    ) -> None:
        act = lambda: self._plain.locate(positions, lanes, page_table, size, slots)  # noqa: E731
        self._give("locate", act, all_of(positions, lanes, page_table), all_of(slots))

    def join(self, words: Tensor, index: Tensor, shifts: Tensor, out: Tensor) -> None:
        def read() -> Iterable[Spot]:
            rows = index.flatten(0, 1).tolist()
            return chain.from_iterable(spots_of(words[row[0] : row[-1] + 1]) for row in rows)

        act = lambda: self._plain.join(words, index, shifts, out)  # noqa: E731
        self._give("join", act, read, all_of(out))


def fake_draw(device: FakeDevice, into: Draw) -> Draw:
    """`Sampler.into` as work for the device."""

    def draw(logits: Sequence[Tensor], rows: SampleRows, draws: SampleDraws) -> None:
        count = len(logits[0])
        read = [*logits, *(getattr(rows, field.name) for field in fields(rows))]
        written = [getattr(draws, field.name) for field in fields(draws)]
        device.world.give(
            device.current,
            "sample",
            lambda: into(logits, rows, draws),
            all_of(*read),
            all_of(*(x[:count] for x in written if x is not None)),
        )

    return draw
