"""What everybody writes, and what one turn of it is: a shape that two processes choose alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.engine.turn import Run, per_token, taken
from bench.peers.peer import Write

TURN = 0.1  # seconds that a turn is meant to last, where a case says nothing else
MOST = 4  # runs in one turn that count
FITS = 2  # turns: who writes all within them does
SLOW = 5  # turns: who takes longer does so warm, too


@dataclass(frozen=True)
class Case:
    """Requests that everybody writes: prompts, and how many tokens after each."""

    prompts: list[list[int]]
    lengths: list[int]
    sequences: int  # at once, that everybody makes room for
    least: int | None = None  # tokens of each that do for who is slow; None: as many for everybody
    turn: float = TURN  # seconds; who is fast runs up to `MOST` times in it
    figure: Callable[[Run], float] = per_token  # that is quoted

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        pairs = zip(self.prompts, self.lengths, strict=True)
        return max(len(prompt) + length for prompt, length in pairs)

    def runs(self, write: Write) -> Callable[[], list[Run]]:
        """What one rival does in a turn: as many runs as fit into it.

        Where several do, one more comes first and does not count: after a neighbour's turn a run of
        20 ms is up to a fifth slower than the next one, and two to four times as noisy
        (docs/findings/one-link-or-two.md). One that fills the turn is hardly touched by that.
        """
        lengths, lasts = self._shape(write)
        count = max(1, min(MOST, int(self.turn / lasts)))
        first = 1 if count > 1 else 0

        def run() -> list[Run]:
            return [taken(write, self.prompts, lengths) for _ in range(first + count)][first:]

        return run

    def _shape(self, write: Write) -> tuple[list[int], float]:
        """Tokens of each text, and seconds of a run that writes them.

        All for who writes them within `FITS` turns; fewer for others, doubled from `least` on until
        a run lasts half a turn: one timing that is a fifth off changes nothing, or a factor of two.
        """
        most = max(self.lengths)
        tokens = most if self.least is None else min(self.least, most)
        run = self._run(write, tokens)  # the first of all records, compiles and wakes
        if run.seconds < SLOW * self.turn:
            run = self._run(write, tokens)
        while tokens < most and run.seconds < self.turn / 2:
            tokens = min(2 * tokens, most)
            run = self._run(write, tokens)
        left = most - tokens
        if left and run.seconds + left * run.per_token <= FITS * self.turn:
            tokens, run = most, self._run(write, most)
        return self._cut(tokens), run.seconds

    def _run(self, write: Write, tokens: int) -> Run:
        return taken(write, self.prompts, self._cut(tokens))

    def _cut(self, tokens: int) -> list[int]:
        return [min(length, tokens) for length in self.lengths]
