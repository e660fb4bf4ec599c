"""Rivals over the same requests: right first, then timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from bench.engine.gate import LENGTHS, TEXTS, WRITTEN, Gate
from bench.engine.turn import Turn, taken
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup, Write
from proxyfuse.measure import ReadStream, in_turn, seconds
from proxyfuse.trio import Trio

PAUSE = 0.05  # seconds; several times as long as the pools of torch and llama.cpp spin
TURN = 0.2  # seconds that a turn whose length may be chosen is meant to last


@dataclass(frozen=True)
class Case:
    """Requests that everybody writes: prompts, and how many tokens after each."""

    prompts: list[list[int]]
    lengths: list[int]
    sequences: int  # at once, that everybody makes room for
    least: int | None = None  # tokens of each that do for who is slow; None: as many for everybody

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        pairs = zip(self.prompts, self.lengths, strict=True)
        return max(len(prompt) + length for prompt, length in pairs)

    def lengths_for(self, write: Write) -> list[int]:
        """As asked, or as many as take `TURN` seconds, where that is fewer."""
        if self.least is None:
            return self.lengths
        few = [self.least] * len(self.prompts)
        taken(write, self.prompts, few)  # the first run of all records, compiles and wakes
        fit = int(TURN / taken(write, self.prompts, few).per_token)
        return [max(self.least, min(length, fit)) for length in self.lengths]


@dataclass(frozen=True)
class Column:
    """One peer's turns, one a round, beside those of this engine and plain reads in seconds."""

    turns: list[Turn]
    mine: list[Turn]
    read: list[float]

    def pairs(self, figure: Callable[[Turn], float]) -> tuple[list[float], list[float]]:
        """A figure of its own turns, and of this engine's in the same rounds."""
        return [figure(turn) for turn in self.turns], [figure(turn) for turn in self.mine]


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
    stream: ReadStream = field(repr=False)

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
            return {name: self._timed(writers, case) for name, case in cases.items()}

    def _timed(self, writers: Mapping[str, Write], case: Case) -> Columns:
        """One case's rounds, after two runs of each of the very shape that is timed."""
        runs: list[Callable[[], Turn]] = [
            partial(taken, write, case.prompts, case.lengths_for(write))
            for write in writers.values()
        ]
        runs.append(lambda: Turn([], seconds(self.stream)))
        *found, streams = in_turn(runs, self.rounds, warm_up=2, pause=PAUSE, patience=self.seconds)
        named = dict(zip(writers, found, strict=True))
        reads = [stream.seconds for stream in streams]
        return {name: Column(own, named[MINE], reads) for name, own in named.items()}

    def setup(self, peer: Peer, tokens: int, sequences: int) -> Setup:
        """Room for a peer."""
        return Setup(
            dtype=peer.dtype,
            device=self.device,
            sequences=sequences,
            tokens=tokens,
            scratch=self.scratch,
        )
