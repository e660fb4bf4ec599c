"""The rows of expert and antiexpert side by side: those of one model with twice the lanes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from proxyfuse.models.decoder import Rows
from proxyfuse.runner.staging import Fields, Staging
from proxyfuse.trio import PROXIES, Role
from proxyfuse_kernels.ops import AheadOps

TABLE, TABLES = "page_table", "proxies.page_table"
COLUMNS = ("ids", "positions", "slots", "lanes", "samples")
LANES, SAMPLES = COLUMNS.index("lanes"), COLUMNS.index("samples")


def joined_fields(fields: Fields) -> Fields:
    """A step's fields, the page tables of both proxies one behind the other."""
    (lanes, pages), dtype = fields[f"{Role.EXPERT.label}.{TABLE}"]
    own = [f"{role.label}.{TABLE}" for role in PROXIES]
    rest = {name: field for name, field in fields.items() if name not in own}
    return rest | {TABLES: ((len(PROXIES), lanes, pages), dtype)}


def name_tables(staging: Staging) -> None:
    """Each proxy finds its page table under its own name, as where they lie apart."""
    for role, host, device in zip(
        PROXIES, staging.host[TABLES], staging.device[TABLES], strict=True
    ):
        staging.host[f"{role.label}.{TABLE}"] = host
        staging.device[f"{role.label}.{TABLE}"] = device


class Joined:
    """Twins of both proxies' rows, up to `most` of each: the expert's, then the antiexpert's."""

    def __init__(self, ops: AheadOps, staging: Staging, most: int) -> None:
        self._ops = ops
        self._words = words = staging.words
        tables = staging.device[TABLES]
        self._lanes = tables.shape[1]
        size = (len(COLUMNS), len(PROXIES) * most)
        self._columns = torch.empty(size, dtype=torch.int32, device=words.device)
        self._starts = torch.tensor(
            [[staging.word(f"{role.label}.{name}") for role in PROXIES] for name in COLUMNS],
            device=words.device,
        )
        named = dict(zip(COLUMNS, self._columns, strict=True))
        self.rows = Rows(**named, page_table=tables.flatten(0, 1))

    def join(self, count: int) -> Callable[[object], None]:
        """What fills the leading twins from the first `count` rows of each proxy, all sampled."""
        at = self._words.device
        index = self._starts[..., None] + torch.arange(count, device=at)
        shifts = torch.zeros(*self._starts.shape, 1, dtype=torch.int32, device=at)
        shifts[LANES, 1], shifts[SAMPLES, 1] = self._lanes, count
        out = self._columns[:, : len(PROXIES) * count].view(*index.shape)
        return lambda _: self._ops.join(self._words, index, shifts, out)
