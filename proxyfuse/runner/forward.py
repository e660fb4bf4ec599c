"""One role's forwards over buffers that never move, each a part of a launch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from proxyfuse.models.decoder import Decoder, Rows, Work
from proxyfuse.runner.exchange import Exchange
from proxyfuse.runner.stage import Part, Stage
from proxyfuse.trio import Role
from proxyfuse_kernels.ops import Ops

MOST_PARTS = 256  # shapes kept; decoding needs one a batch size, prefill and drafting a few more


class Forward:
    """A decoder over a step's packed rows, and over the rows of each drafted token."""

    def __init__(
        self,
        decoder: Decoder,
        rows: Sequence[Rows],
        kv: Tensor,
        work: Work,
        stage: Stage,
        role: Role,
        exchange: Exchange | None = None,
    ) -> None:
        """`rows`: a step's own, then those that read each draft; all where the base is.

        exchange: brings them to where the decoder is, if that is elsewhere.
        """
        self.decoder = decoder
        self._read = rows
        self._rows = rows if exchange is None else exchange.rows
        self._kv = kv
        self._work = work
        self._stage = stage
        self._role = role
        self._exchange = exchange
        self._logits = work.logits if exchange is None else exchange.logits
        self._parts: OrderedDict[tuple[int, ...], Part] = OrderedDict()

    def run(self, count: int, samples: int) -> Part:
        """`count` of the step's rows, `samples` of them through the head: logits [0, samples)."""
        return self._part(0, count, samples, 0)

    def feed(self, draft: int, count: int, at: int) -> Part:
        """The rows of the draft's number (1 is the first): logits [at, at + count)."""
        return self._part(draft, count, count, at)

    def logits(self, at: int, count: int) -> Tensor:  # [count, V] float32
        """Where those logits are; the next launch overwrites them."""
        return self._logits[at : at + count]

    def read(self, draft: int) -> tuple[Tensor, Tensor]:
        """Tokens [T] where the base is, and which of them [S] the sampled rows of those that read
        a draft read (1 is the first; 0: the step's own rows)."""
        rows = self._read[draft]
        return rows.ids, rows.samples

    def _part(self, which: int, count: int, samples: int, at: int) -> Part:
        """Recorded where it is new; the least recently used is forgotten."""
        shape = (which, count, samples, at)
        part = self._parts.get(shape)
        if part is None:
            part = self._parts[shape] = self._record(*shape)
            if len(self._parts) > MOST_PARTS:
                self._parts.popitem(last=False)
        else:
            self._parts.move_to_end(shape)
        return part

    def _record(self, which: int, count: int, samples: int, at: int) -> Part:
        rows, work = self._rows[which].cut(count, samples), self._work.cut(count, samples, at)
        decoder, kv, exchange = self.decoder, self._kv, self._exchange

        def write(ops: Ops) -> None:  # without self, which keeps it: weights would stay
            decoder.forward(ops, rows, kv, work)

        if exchange is None:
            return self._stage.record(write, self._role)
        forward: list[Callable[[], object]] = []  # once it was called: a piece is captured once

        def write_there(ops: Ops) -> None:
            if not forward:
                forward.append(exchange.piece(partial(write, ops)))
            exchange.bring(which, count, samples)
            forward[0]()
            exchange.send(at, samples)

        return self._stage.record(write_there, self._role)
