"""The meaning of `recall` and `remember`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from proxyfuse_kernels.hindsight import NEWS, SLOTS, STRETCH, TRUST, Hindsight


def recall(
    logits: Tensor, ids: Tensor, rows: Tensor, text: Tensor, hindsight: Hindsight, out: Tensor
) -> None:
    """As `Ops.recall`."""
    wanted = text.expand(len(rows)), ids[rows.long()]
    for row, (owner, token) in enumerate(zip(*(x.tolist() for x in wanted), strict=True)):
        out[row] = logits[row, : out.shape[1]]
        for begin, known in _stretches(hindsight, owner, token):
            if known:
                stretch = slice(begin, begin + STRETCH)
                out[row, stretch] += TRUST * hindsight.values[token % SLOTS, stretch]


def remember(
    logits: Sequence[Tensor],
    alpha: Tensor,
    drawn: Tensor,
    ids: Tensor,
    rows: Tensor,
    text: Tensor,
    hindsight: Hindsight,
) -> None:
    """As `Ops.remember`."""
    width, owner = hindsight.values.shape[1], int(text)
    base, expert, anti = (x[: len(rows), :width] for x in logits)
    found = (base + alpha[: len(rows), None] * (expert - anti)) - drawn[: len(rows), :width]
    for row, token in enumerate(ids[rows.long()].tolist()):
        kept = hindsight.values[token % SLOTS]
        for begin, known in _stretches(hindsight, owner, token):
            stretch = slice(begin, begin + STRETCH)
            news = found[row, stretch]
            kept[stretch] = kept[stretch] + NEWS * (news - kept[stretch]) if known else news
        hindsight.tags[:, token % SLOTS] = hindsight.tags.new_tensor([owner, token])


def _stretches(hindsight: Hindsight, owner: int, token: int) -> list[tuple[int, bool]]:
    """Where each stretch of columns begins, and whether it remembers the token of this text."""
    tags = hindsight.tags[:, token % SLOTS].tolist()
    return [(at * STRETCH, tag == [owner, token]) for at, tag in enumerate(tags)]
