"""What became of drafts."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import NamedTuple


class Verified(NamedTuple):
    """How many drafts of a sample were verified, and how many of these held.

    margins: of those that held and the next, where told: how far each led all other tokens, noise
    included, when it was drawn. The next is one that did not hold, or that was not verified.
    """

    tried: int = 0
    held: int = 0
    margins: tuple[float, ...] = ()


def agreeing(drafts: Seq[int], tokens: Seq[int]) -> int:
    """How many drafts hold: the leading ones that are these tokens."""
    count = 0
    for draft, token in zip(drafts, tokens, strict=False):
        if draft != token:
            break
        count += 1
    return count
