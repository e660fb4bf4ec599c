"""One role's forward on the CPU's compiled operations: recorded once, then replayed."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from torch import Tensor

from proxyfuse.models.decoder import Decoder, Rows, Work
from proxyfuse.runner.forward import Forward
from proxyfuse_kernels.cpu import CpuOps, Tape

if TYPE_CHECKING:
    from proxyfuse_kernels._cpu import Team

MOST_TAPES = 256  # shapes kept per role; decoding needs one a batch size, prefill a few more


class TapedForward(Forward):
    """`Forward` by tapes: the first run of a shape records it, every run replays it on the team."""

    def __init__(self, decoder: Decoder, rows: Rows, kv: Tensor, work: Work, team: Team) -> None:
        super().__init__(decoder, rows, kv, work)
        self._team = team
        self._tapes: OrderedDict[tuple[int, int], tuple[Tape, Tensor]] = OrderedDict()

    def run(self, count: int, samples: int) -> Tensor:  # [S, V] float32
        """Replay the tape of this shape, recorded first if it is new."""
        shape = (count, samples)
        found = self._tapes.get(shape)
        if found is None:
            found = self._tapes[shape] = self._record(count, samples)
            if len(self._tapes) > MOST_TAPES:
                self._tapes.popitem(last=False)
        else:
            self._tapes.move_to_end(shape)
        tape, logits = found
        tape.run(self._team)
        return logits

    def _record(self, count: int, samples: int) -> tuple[Tape, Tensor]:
        tape = Tape()
        rows = self._cut(count, samples)
        return tape, self.decoder.forward(CpuOps(tape), rows, self._kv, self._work)
