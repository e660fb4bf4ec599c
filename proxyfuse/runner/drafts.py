"""What is drawn ahead during a step: its rows, its tokens, and where else they are to be read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from proxyfuse.models.decoder import Rows
from proxyfuse.runner.layout import Layout
from proxyfuse.runner.outcome import Outcome
from proxyfuse.runner.rows import RowWriter
from proxyfuse.runner.staging import Fields, Staging
from proxyfuse.trio import Role
from proxyfuse_kernels.proxy_sample import SampleDraws

COLUMNS = ("positions", "slots", "lanes")


def draft_fields(drafts: int, sequences: int, readers: int) -> Fields:
    """One row a draft, one column a sequence; a draft goes to so many readers' own rows."""
    columns = dict.fromkeys(COLUMNS, ((drafts, sequences), torch.int32))
    fields = columns | {"index": ((drafts, readers * sequences), torch.int32)}
    return {f"draft.{name}": field for name, field in fields.items()}


class Drafts:
    """The staging arrays of up to `most` drafts of each sequence, and where drawn ones go."""

    def __init__(self, staging: Staging, outcome: Outcome) -> None:
        self.most, sequences = outcome.ids.shape
        device = staging.words.device
        self.host = {name: staging.host[f"draft.{name}"] for name in (*COLUMNS, "index")}
        self._device = {name: staging.device[f"draft.{name}"] for name in (*COLUMNS, "index")}
        self._staging = staging
        self._order = torch.arange(sequences, dtype=torch.int32, device=device)
        self._ids = outcome.ids
        self._margins = outcome.margins
        told = self._margins is not None  # by the host's sampler, which need not tell more
        self._unread = torch.zeros(0 if told else sequences, device=device)
        self._finite = torch.zeros(sequences, dtype=torch.bool, device=device)
        names = {role: f"{role.label}.ids" for role in Role}
        self._ids_at = {r: staging.word(name) for r, name in names.items() if name in staging.host}
        self._firsts: list[list[int]] = []  # of what the index says: words of first drafts,
        self._counts: list[int] = []  # and how many read each draft

    def rows(self, page_table: Tensor) -> list[Rows]:
        """The rows that read each draft, for a role of this page table."""
        return [
            Rows(
                ids=self._ids[draft],
                **{name: self._device[name][draft] for name in COLUMNS},
                page_table=page_table,
                samples=self._order,
            )
            for draft in range(self.most)
        ]

    def draws(self, draft: int, count: int) -> SampleDraws:
        """Where the draft's `count` tokens go: right to the rows that read them."""
        return SampleDraws(
            tokens=self.tokens(draft, count),
            logprobs=self._unread[:count],
            logsumexp=self._unread[:count],
            finite=self._finite[:count],
            margins=None if self._margins is None else self._margins[draft, :count],
        )

    def tokens(self, draft: int, count: int) -> Tensor:  # [count] int32
        """The draft's tokens, once drawn."""
        return self._ids[draft, :count]

    def index(self, draft: int, count: int, readers: int) -> Tensor:  # [readers, count] int32
        """The words of the staging buffer that hold each reader's id of the draft."""
        return self._device["index"][draft, : readers * count].view(readers, count)

    def point(self, layout: Layout, readers: Mapping[Role, RowWriter]) -> None:
        """Write the index, where it does not say so already: of more drafts, or fewer, the same."""
        firsts = [
            [self._ids_at[role] + writer.row_of(sample, 0) for sample in layout.drafting]
            for role, writer in readers.items()
        ]
        if self._firsts != firsts:
            self._firsts, self._counts = firsts, []
        counts = [count for _, count in layout.stretches]
        known = self._counts
        if known[: len(counts)] == counts:
            return
        self._counts = counts
        for draft, count in enumerate(counts):
            if known[draft : draft + 1] != [count]:
                words = [first + draft for column in firsts for first in column[:count]]
                self.host["index"][draft, : len(words)] = words
