"""Rivals over the same requests: right first, then timed in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from bench.engine.case import Case
from bench.engine.doubt import doubts
from bench.engine.gate import LENGTHS, TEXTS, WRITTEN, Gate
from bench.engine.reads import Pairs, Reader
from bench.engine.turn import Figure, Run, Turn
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup
from proxyfuse.measure import asleep, in_turns
from proxyfuse.trio import Trio


@dataclass(frozen=True)
class Column:
    """One peer's turns, one a round, beside those of this engine."""

    turns: list[Turn]
    mine: list[Turn]

    @property
    def runs(self) -> list[Run]:
        """Its own, of all turns."""
        return [run for turn in self.turns for run in turn.runs]

    def each(self, figure: Figure) -> list[float]:
        """A figure of its own turns."""
        return [turn.of(figure) for turn in self.turns]

    def pairs(self, figure: Figure, reader: Reader) -> Pairs:
        """How many times its own figure is this engine's, round by round."""
        both = list(zip(self.turns, self.mine, strict=True))
        return Pairs(
            [own.of(figure) / mine.of(figure) for own, mine in both],
            [(reader.state(own.beside), reader.state(mine.beside)) for own, mine in both],
        )


Columns = dict[str, Column]  # by peer


class Interrupted(KeyboardInterrupt):
    """A contest that was not finished."""

    def __init__(self, columns: dict[str, Columns]) -> None:
        super().__init__("the contest was interrupted")
        self.columns = columns  # of cases, and of rivals, that were


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who runs, over what, where and how long."""

    peers: Sequence[Peer]
    folders: Trio[Path]
    gate: Trio[Path]  # the same folders, or shallower ones where float32 would not fit
    device: str
    rounds: int  # of a case, at most
    seconds: float  # of all cases together, after which no further round begins
    scratch: Path
    reader: Reader = field(repr=False)

    def run(self, cases: Mapping[str, Case]) -> dict[str, Columns]:
        """The columns of each case; raises `WrongOutputError` before anything is timed.

        On a CPU all peers are open and run in turn. A GPU holds two at a time: each rival runs in
        turn with this engine. Interrupted, it raises `Interrupted` with what was done by then.
        """
        columns: dict[str, Columns] = {}
        by_room = groupby(cases.items(), key=lambda item: item[1].sequences)
        groups = self._groups()
        try:
            self._require_right()
            for some in [dict(group) for _, group in by_room]:
                seconds = self.seconds * len(some) / len(cases) / len(groups)
                for peers in groups:
                    for name, found in self._together(peers, some, seconds).items():
                        columns[name] = found | columns.get(name, {})
        except KeyboardInterrupt as stopped:
            raise Interrupted(columns) from stopped
        return columns

    def _require_right(self) -> None:
        gate = Gate(self.gate, self.device)
        for peer in self.peers:
            gate.require_right(peer, self.setup(peer, LENGTHS[1] + WRITTEN, TEXTS))

    def _groups(self) -> list[list[Peer]]:
        if self.device == "cpu":
            return [list(self.peers)]
        (mine,) = (peer for peer in self.peers if peer.name == MINE)
        return [[mine, rival] for rival in self.peers if rival is not mine] or [[mine]]

    def _together(
        self, group: Sequence[Peer], cases: Mapping[str, Case], seconds: float
    ) -> dict[str, Columns]:
        longest = max(case.longest for case in cases.values())
        with ExitStack() as stack:
            writers = {}
            for peer in group:
                room = self.setup(peer, longest, next(iter(cases.values())).sequences)
                opened = peer.open(self.folders.only(peer.roles), room)
                writers[peer.name] = stack.enter_context(opened)
            # Every ratio has this engine's turns in it: to share time with k others best, one that
            # each of them is compared with takes the root of k times as much (Dunnett, 1955).
            turns = {MINE: math.sqrt(max(len(writers) - 1, 1))}
            races = {
                name: [
                    self._turn(case.runs(write, turns.get(who, 1.0)))
                    for who, write in writers.items()
                ]
                for name, case in cases.items()
            }

            def in_doubt(name: str, found: Sequence[Sequence[Turn]]) -> tuple[float, float]:
                rivals = [it for who, it in _columns(writers, found).items() if who != MINE]
                pairs = [it.pairs(cases[name].figure, self.reader) for it in rivals]
                return doubts(pairs, self.reader.now)

            tables = in_turns(races, self.rounds, before=asleep, patience=seconds, doubts=in_doubt)
            return {name: _columns(writers, found) for name, found in tables.items()}

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


def _columns(names: Iterable[str], found: Sequence[Sequence[Turn]]) -> Columns:
    named = dict(zip(names, found, strict=True))
    return {who: Column(list(own), list(named[MINE])) for who, own in named.items()}
