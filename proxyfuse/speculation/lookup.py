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
        self._before: dict[tuple[int, ...], int] = {}  # the same, of its last but one place

    def extend(self, tokens: Seq[int]) -> None:
        """Take in the tokens that follow those known so far."""
        for token in tokens:
            self._tokens.append(token)
            at = len(self._tokens)
            for size in SIZES:
                if at >= size:
                    gram = tuple(self._tokens[-size:])
                    if gram in self._next:
                        self._before[gram] = self._next[gram]
                    self._next[gram] = at

    @property
    def known(self) -> int:
        """How many tokens were taken in."""
        return len(self._tokens)

    def propose(self, most: int) -> tuple[int, ...]:
        """`most` tokens that may come next, or none where the latest are new.

        Where the text between the two places ends, it begins anew: a loop goes on.
        """
        for size in SIZES:
            at = self._before.get(tuple(self._tokens[-size:]))
            if at is not None:
                return tuple(islice(cycle(self._tokens[at : at + most]), most))
        return ()
