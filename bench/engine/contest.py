"""Rivals over the same requests: right first, then timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from bench.engine.gate import LENGTHS, TEXTS, WRITTEN, Gate
from bench.engine.reads import Reader
from bench.engine.turn import Run, Turn, taken
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup, Write
from proxyfuse.measure import asleep, in_turns
from proxyfuse.trio import Trio

TURN = 0.1  # seconds that a turn is meant to last, where a case says nothing else
MOST = 4  # runs in one turn


@dataclass(frozen=True)
class Case:
    """Requests that everybody writes: prompts, and how many tokens after each."""

    prompts: list[list[int]]
    lengths: list[int]
    sequences: int  # at once, that everybody makes room for
    least: int | None = None  # tokens of each that do for who is slow; None: as many for everybody
    turn: float = TURN  # seconds; who is fast runs up to `MOST` times in it

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        pairs = zip(self.prompts, self.lengths, strict=True)
        return max(len(prompt) + length for prompt, length in pairs)

    def runs(self, write: Write) -> Callable[[], list[Run]]:
        """What one rival does in a turn: as many tokens, and then as many runs, as fit into it.

        Ran once already, since the first run of all records, compiles and wakes.
        """
        first = taken(write, self.prompts, self._few)
        if first.seconds < self.turn:
            first = taken(write, self.prompts, self._few)
        lengths, lasts = self.lengths, first.seconds
        if self.least is not None:
            fit = int(self.turn / first.per_token)
            lengths = [max(self.least, min(length, fit)) for length in self.lengths]
            lasts += (max(lengths) - self.least) * first.per_token
        count = max(1, min(MOST, int(self.turn / lasts)))
        return lambda: [taken(write, self.prompts, lengths) for _ in range(count)]

    @property
    def _few(self) -> list[int]:
        return self.lengths if self.least is None else [self.least] * len(self.prompts)


@dataclass(frozen=True)
class Column:
    """One peer's turns, one a round, beside those of this engine."""

    turns: list[Turn]
    mine: list[Turn]

    @property
    def runs(self) -> list[Run]:
        """Its own, of all turns."""
        return [run for turn in self.turns for run in turn.runs]

    def each(self, figure: Callable[[Run], float]) -> list[float]:
        """A figure of its own turns."""
        return [turn.of(figure) for turn in self.turns]

    def pairs(self, figure: Callable[[Run], float]) -> tuple[list[float], list[float]]:
        """A figure of its own turns, and of this engine's in the same rounds."""
        return self.each(figure), [turn.of(figure) for turn in self.mine]


Columns = dict[str, Column]  # by peer


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who runs, over what, where and how long."""

    peers: Sequence[Peer]
    folders: Trio[Path]
    gate: Trio[Path]  # the same folders, or shallower ones where float32 would not fit
    device: str
    rounds: int  # of a case, at most
    seconds: float  # after which a case begins no further round
    scratch: Path
    reader: Reader = field(repr=False)

    def run(self, cases: Mapping[str, Case]) -> dict[str, Columns]:
        """The columns of each case; raises `WrongOutputError` before anything is timed.

        On a CPU all peers are open and run in turn. A GPU holds two at a time: each rival runs in
        turn with this engine.
        """
        gate = Gate(self.gate, self.device)
        for peer in self.peers:
            gate.require_right(peer, self.setup(peer, LENGTHS[1] + WRITTEN, TEXTS))
        del gate
        columns: dict[str, Columns] = {name: {} for name in cases}
        by_room = groupby(cases.items(), key=lambda item: item[1].sequences)
        for some in [dict(group) for _, group in by_room]:
            for peers in self._groups():
                for name, found in self._together(peers, some).items():
                    columns[name] = found | columns[name]
        return columns

    def _groups(self) -> list[list[Peer]]:
        if self.device == "cpu":
            return [list(self.peers)]
        (mine,) = (peer for peer in self.peers if peer.name == MINE)
        return [[mine, rival] for rival in self.peers if rival is not mine] or [[mine]]

    def _together(self, group: Sequence[Peer], cases: Mapping[str, Case]) -> dict[str, Columns]:
        longest = max(case.longest for case in cases.values())
        with ExitStack() as stack:
            writers = {}
            for peer in group:
                room = self.setup(peer, longest, next(iter(cases.values())).sequences)
                opened = peer.open(self.folders.only(peer.roles), room)
                writers[peer.name] = stack.enter_context(opened)
            races = {
                name: [self._turn(case.runs(write)) for write in writers.values()]
                for name, case in cases.items()
            }
            tables = in_turns(races, self.rounds, before=asleep, patience=self.seconds)
            found = {}
            for name, columns in tables.items():
                named = dict(zip(writers, columns, strict=True))
                found[name] = {who: Column(own, named[MINE]) for who, own in named.items()}
            return found

    def _turn(self, runs: Callable[[], list[Run]]) -> Callable[[], Turn]:
        """The runs, and what was seen beside them."""

        def turn() -> Turn:
            return Turn(*self.reader.beside(runs))

        return turn

    def setup(self, peer: Peer, tokens: int, sequences: int) -> Setup:
        """Room for a peer."""
        return Setup(
            dtype=peer.dtype,
            device=self.device,
            sequences=sequences,
            tokens=tokens,
            scratch=self.scratch,
        )
