"""Drafts for nothing: what followed the last time that the latest tokens stood together."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from itertools import cycle, islice

LEAST, LONGEST = 2, 4  # tokens that must have stood together before; the longest match is believed
PLACES = 8  # where the latest two did stand together, of which so many are looked at, latest first


class Lookup:
    """One sequence's tokens as they come, and for each where it stood with the one before it."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, int], int] = {}  # how many tokens end with the latest such two
        self._before: list[int] = []  # of each token: the same, of the two it ends; 0: none
        self._last = -1
        self.known = 0  # tokens that were taken in

    def extend(self, tokens: Seq[int]) -> None:
        """Take in the tokens that follow those known so far."""
        for token in tokens:
            self.known += 1
            pair = (self._last, token)
            self._before.append(self._after.get(pair, 0))
            self._after[pair] = self.known
            self._last = token
        self._tokens += tokens

    def propose(self, most: int) -> tuple[int, ...]:
        """`most` tokens that may come next, or none where the latest are new.

        Where the text between the two places ends, it begins anew: a loop goes on.
        """
        place = self._before[-1] if self.known > LEAST else 0
        if not place:
            return ()
        at = self._longest(place)
        return tuple(islice(cycle(self._tokens[at : at + most]), most))

    def _longest(self, place: int) -> int:
        """The place, from this one back, that most of the latest tokens lead to."""
        best, longest = place, 0
        for _ in range(PLACES):
            length = self._match(place)
            if length > longest:
                best, longest = place, length
            place = self._before[place - 1]
            if longest == LONGEST or not place:
                break
        return best

    def _match(self, place: int) -> int:
        """How many of the latest tokens stand before the place: two do."""
        tokens, length = self._tokens, LEAST
        while length < min(LONGEST, place) and tokens[place - 1 - length] == tokens[-1 - length]:
            length += 1
        return length
