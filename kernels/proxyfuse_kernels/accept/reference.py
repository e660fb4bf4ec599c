"""The meaning of `accept`."""

from __future__ import annotations

from torch import Tensor


def accept(
    tokens: Tensor,
    ids: Tensor,
    heads: Tensor,
    entries: Tensor,
    counts: Tensor,
    slack: Tensor,
    last: Tensor,
) -> None:
    """Row j of sample n holds if row j - 1 does and drew what row j read; the first one does.

    slack[n] = rows of the sample that do not hold; last[n] = what the last that does has drawn.

    tokens [S] int32 as drawn, ids [T] int32 as read, heads [S] int32: row s of the sampler is row
    heads[s] of the ids; entries [N, C] int32: rows of the sampler, counts [N] int32 of them count,
    1 at the least; slack and last [N] int32.
    """
    rows = entries.long()
    drawn, read = tokens[rows], ids[heads[rows].long()]
    holds = drawn[:, :-1] == read[:, 1:]
    later = counts[:, None] > holds.new_ones(holds.shape).cumsum(1)
    kept = 1 + (holds & later).int().cumprod(1).sum(1)
    slack.copy_(counts - kept)
    last.copy_(drawn.gather(1, kept[:, None] - 1)[:, 0])
