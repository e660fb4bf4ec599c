"""One role's forward, run operation by operation."""

from __future__ import annotations

from torch import Tensor

from proxyfuse.models.decoder import Decoder, Rows, Work
from proxyfuse_kernels.reference import ReferenceOps


class Forward:
    """A decoder over buffers that never move: `run(T, S)` reads T rows, S of them sampled."""

    def __init__(self, decoder: Decoder, rows: Rows, kv: Tensor, work: Work) -> None:
        self.decoder = decoder
        self._rows = rows
        self._kv = kv
        self._work = work
        self._ops = ReferenceOps()

    def run(self, count: int, samples: int) -> Tensor:  # [S, V] float32
        """Run every operation at once; the logits are overwritten by the next run."""
        return self.decoder.forward(self._ops, self._cut(count, samples), self._kv, self._work)

    def _cut(self, count: int, samples: int) -> Rows:
        rows = self._rows
        return Rows(
            ids=rows.ids[:count],
            positions=rows.positions[:count],
            slots=rows.slots[:count],
            lanes=rows.lanes[:count],
            page_table=rows.page_table,
            samples=rows.samples[:samples],
        )
