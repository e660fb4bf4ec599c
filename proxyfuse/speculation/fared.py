"""What became of drafts."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import NamedTuple


class Verified(NamedTuple):
    """How many drafts of a sample were verified, and how many of these held.

    doubts: the sum of 1 - p over those that held and the first that did not, p being the
    probability that the model which drew them gave them.
    """

    tried: int = 0
    held: int = 0
    doubts: float = 0.0


def agreeing(drafts: Seq[int], tokens: Seq[int]) -> int:
    """How many drafts hold: the leading ones that are these tokens."""
    count = 0
    while count < min(len(drafts), len(tokens)) and drafts[count] == tokens[count]:
        count += 1
    return count
