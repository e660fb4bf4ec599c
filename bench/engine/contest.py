"""Rivals over the same requests: right first, then timed in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.engine.gate import LENGTHS, TEXTS, WRITTEN, Gate
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup
from proxyfuse.measure import ReadStream, Run, in_turn
from proxyfuse.trio import Trio

READ = "read"  # the column of the plain read
PAUSE = 0.05  # seconds; several times as long as the pools of torch and llama.cpp spin


@dataclass(frozen=True)
class Case:
    """Requests that everybody writes: prompts, and how many tokens after each."""

    prompts: list[list[int]]
    lengths: list[int]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        pairs = zip(self.prompts, self.lengths, strict=True)
        return max(len(prompt) + length for prompt, length in pairs)


@dataclass(frozen=True)
class Column:
    """One peer's seconds in each round, beside those of this engine and of a plain read."""

    own: list[float]
    mine: list[float]
    read: list[float]

    def minus(self, other: Column) -> Column:
        """What is left of each round without a part that was timed in the same round."""
        own = [a - b for a, b in zip(self.own, other.own, strict=True)]
        mine = [a - b for a, b in zip(self.mine, other.mine, strict=True)]
        return Column(own, mine, self.read)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who runs, over what, where and how often."""

    peers: Sequence[Peer]
    folders: Trio[Path]
    gate: Trio[Path]  # the same folders, or shallower ones where float32 would not fit
    device: str
    sequences: int  # at once
    rounds: int
    scratch: Path
    stream: ReadStream = field(repr=False)

    def run(self, cases: Mapping[str, Case]) -> dict[str, dict[str, Column]]:
        """The columns of each case by peer; raises `WrongOutputError` before anything is timed.

        On a CPU all peers are open and run in turn. A GPU holds two at a time: each rival runs in
        turn with this engine.
        """
        gate = Gate(self.gate, self.device)
        for peer in self.peers:
            gate.require_right(peer, self.setup(peer, LENGTHS[1] + WRITTEN, TEXTS))
        del gate
        columns: dict[str, dict[str, Column]] = {name: {} for name in cases}
        for group in self._groups():
            for name, found in self._together(group, cases).items():
                columns[name] = found | columns[name]
        return columns

    def _groups(self) -> list[list[Peer]]:
        if self.device == "cpu":
            return [list(self.peers)]
        (mine,) = (peer for peer in self.peers if peer.name == MINE)
        return [[mine, rival] for rival in self.peers if rival is not mine] or [[mine]]

    def _together(
        self, group: Sequence[Peer], cases: Mapping[str, Case]
    ) -> dict[str, dict[str, Column]]:
        longest = max(case.longest for case in cases.values())
        with ExitStack() as stack:
            writers = {
                peer.name: stack.enter_context(
                    peer.open(
                        self.folders.only(peer.roles), self.setup(peer, longest, self.sequences)
                    )
                )
                for peer in group
            }
            runs: dict[tuple[str, str], Run] = {}
            for name, case in cases.items():
                for peer, write in writers.items():
                    runs[name, peer] = partial(write, case.prompts, case.lengths)
                runs[name, READ] = self.stream
            found = in_turn(list(runs.values()), self.rounds, pause=PAUSE)
            timed = dict(zip(runs, found, strict=True))
        return {
            name: {
                peer: Column(timed[name, peer], timed[name, MINE], timed[name, READ])
                for peer in writers
            }
            for name in cases
        }

    def setup(self, peer: Peer, tokens: int, sequences: int) -> Setup:
        """Room for a peer."""
        return Setup(
            dtype=peer.dtype,
            device=self.device,
            sequences=sequences,
            tokens=tokens,
            scratch=self.scratch,
        )
