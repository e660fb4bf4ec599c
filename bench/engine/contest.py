"""Rivals over the same requests: right first, then timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from bench.engine.case import Case
from bench.engine.doubt import doubts
from bench.engine.gate import LENGTHS, TEXTS, WRITTEN, Gate
from bench.engine.passed import Passed
from bench.engine.reads import Pairs, Reader
from bench.engine.turn import Figure, Run, Turn
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup, Write
from proxyfuse.measure import asleep, gpu_bytes, in_turns
from proxyfuse.trio import Trio


@dataclass(frozen=True)
class Column:
    """One peer's turns, each beside one of this engine's; of this engine, all that it had."""

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
Race = tuple[str, str]  # a case, and the rival that this engine runs beside
Tables = Mapping[Race, Sequence[list[Turn]]]


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
    load_format: str = "auto"  # of `folders`; the gate's have files
    device: str
    apart: bool = False  # one peer is open at a time
    rounds: int  # of a rival in a case, at most
    seconds: float  # of all of them together, after which no further round begins
    scratch: Path
    reader: Reader = field(repr=False)
    passed: Passed = field(default_factory=Passed)
    held: dict[str, int] = field(default_factory=dict)  # bytes of a GPU that each took to open

    def run(self, cases: Mapping[str, Case]) -> dict[str, Columns]:
        """The columns of each case; raises `WrongOutputError` before anything is timed.

        A race is of one rival and this engine over one case; races alternate: on a CPU, where all
        peers are open, those of all rivals and cases, on a GPU, which holds two, those of one
        rival. Apart, each has all of its turns alone, and the first of a rival stands beside the
        first of this engine, minutes before. Interrupted, it raises `Interrupted` with what was
        done by then.
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
                        columns[name] = self._with(columns.get(name, {}), found)
        except KeyboardInterrupt as stopped:
            raise Interrupted(columns) from stopped
        return columns

    def _require_right(self) -> None:
        gate = Gate(self.gate, self.device)
        for peer in self.peers:
            if not self.passed.known(peer, self.gate, self.device):
                gate.require_right(peer, self.setup(peer, LENGTHS[1] + WRITTEN, TEXTS))
                self.passed.add(peer, self.gate, self.device)

    def _with(self, known: Columns, found: Columns) -> Columns:
        """What is known of a case, and what a group found; of this engine's turns, the first."""
        return _side_by_side(known | found) if self.apart else found | known

    def _groups(self) -> list[list[Peer]]:
        if self.apart:  # mine first, which the others are held against
            return [[peer] for peer in sorted(self.peers, key=lambda peer: peer.name != MINE)]
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
                room = replace(room, load_format=self.load_format)
                before = gpu_bytes(self.device)
                opened = peer.open(self.folders.only(peer.roles), room)
                writers[peer.name] = stack.enter_context(opened)
                self.held[peer.name] = gpu_bytes(self.device) - before
            tables = in_turns(
                self._races(cases, writers),
                self.rounds,
                before=asleep,
                patience=seconds,
                doubts=lambda race, found: self._doubts(cases[race[0]].figure, found),
            )
            return {name: _columns(name, tables) for name in cases}

    def _races(
        self, cases: Mapping[str, Case], writers: Mapping[str, Write]
    ) -> dict[Race, list[Callable[[], Turn]]]:
        """This engine's turn and then the rival's; of who is open alone, its own."""
        rivals = [who for who in writers if who != MINE] or [MINE]
        found: dict[Race, list[Callable[[], Turn]]] = {}
        for name, case in cases.items():
            turns = {who: self._turn(case.runs(write)) for who, write in writers.items()}
            found |= {
                (name, it): [turns[who] for who in dict.fromkeys((MINE, it)) if who in turns]
                for it in rivals
            }
        return found

    def _doubts(self, figure: Figure, found: Sequence[list[Turn]]) -> tuple[float, float]:
        """How uncertain the ratio of a race is; of this engine by itself there is none."""
        mine, *rivals = found
        pairs = [Column(own, mine).pairs(figure, self.reader) for own in rivals]
        return doubts(pairs, self.reader.now)

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


def _columns(case: str, tables: Tables) -> Columns:
    """First all turns of this engine, then each rival's and those beside them.

    Of who was open alone, its own turns, beside themselves.
    """
    its = {rival: found for (name, rival), found in tables.items() if name == case}
    if all(len(found) == 1 for found in its.values()):
        return {who: Column(own, own) for who, (own,) in its.items()}
    mine = [turn for beside, *_ in its.values() for turn in beside]
    rivals = {who: Column(own, beside) for who, (beside, own) in its.items()}
    return {MINE: Column(mine, mine)} | rivals


def _side_by_side(columns: Columns) -> Columns:
    """The turns of peers that were open one after the other, in pairs with this engine's."""
    mine = columns[MINE].turns
    pairs = {name: list(zip(column.turns, mine, strict=False)) for name, column in columns.items()}
    return {
        name: Column([own for own, _ in its], [beside for _, beside in its])
        for name, its in pairs.items()
    }
