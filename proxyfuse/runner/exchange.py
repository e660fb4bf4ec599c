"""A model on another device than the base: its rows go there, its logits come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial

import torch
from torch import Tensor

from proxyfuse.models.decoder import Rows
from proxyfuse.runner.streams import Streams
from proxyfuse.trio import Role

TABLE = "page_table"  # all rows of a step share one


class Exchange:
    """Twins of a role's rows on the device where it runs, and of its logits at home.

    Copies are behind what both devices' current streams were given, and both go on behind them.
    """

    def __init__(self, streams: Streams, role: Role, rows: Sequence[Rows], logits: Tensor) -> None:
        """`rows` at home, `logits` [S, V] as the role writes them."""
        assert streams.proxies is not None
        self._home = home = streams.device
        self._away = away = streams.proxies
        self.piece = partial(streams.piece, role=role)  # what is run there, between the copies
        self._sources = rows
        self._written = logits
        self.logits = torch.empty_like(logits, device=home.at)
        table = torch.zeros_like(rows[0].page_table, device=away.at)
        self.rows = [_twin(one, table) for one in rows]

    def bring(self, which: int, count: int, samples: int) -> None:
        """The leading rows there; with the step's own, which are the first, the page table too."""
        source = self._sources[which].cut(count, samples)
        target = self.rows[which].cut(count, samples)
        for field in fields(Rows):
            if field.name != TABLE or which == 0:
                there = getattr(target, field.name)
                self._away.bring(getattr(source, field.name), there, self._home)

    def send(self, at: int, count: int) -> None:
        """Logits [at, at + count) home."""
        stretch = slice(at, at + count)
        self._home.bring(self._written[stretch], self.logits[stretch], self._away)


def _twin(rows: Rows, table: Tensor) -> Rows:
    own = {field.name: getattr(rows, field.name) for field in fields(Rows) if field.name != TABLE}
    made = {name: torch.zeros_like(x, device=table.device) for name, x in own.items()}
    return Rows(**made, page_table=table)
