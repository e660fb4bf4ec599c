"""Drafts for nothing: what followed the last time that the latest tokens stood together."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from itertools import cycle, islice

SIZES = (4, 3, 2)  # tokens that must have stood together before; the longest match is believed


class Lookup:
    """The n-grams of one sequence, told of its tokens as they come."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._next: dict[tuple[int, ...], int] = {}  # where the tokens after an n-gram begin
        self._follows: int | None = None  # where they began the last time, for the latest n-gram

    def extend(self, tokens: Seq[int]) -> None:
        """Take in the tokens that follow those known so far."""
        known, seen = self._tokens, self._next
        for token in tokens:
            known.append(token)
            at, self._follows = len(known), None
            for size in SIZES:
                if at >= size:
                    gram = tuple(known[-size:])
                    before = seen.get(gram)
                    if self._follows is None:
                        self._follows = before
                    seen[gram] = at

    @property
    def known(self) -> int:
        """How many tokens were taken in."""
        return len(self._tokens)

    def propose(self, most: int) -> tuple[int, ...]:
        """`most` tokens that may come next, or none where the latest are new.

        Where the text between the two places ends, it begins anew: a loop goes on.
        """
        at = self._follows
        if at is None:
            return ()
        return tuple(islice(cycle(self._tokens[at : at + most]), most))
