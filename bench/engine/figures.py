"""Columns of turns as the figures that a record keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from bench.engine.contest import Column
from bench.engine.turn import Turn, arrivals
from bench.peers.lineup import MINE
from bench.peers.peer import Peer
from proxyfuse.measure import Spread, bytes_a_token, ratios, share_of_floor
from proxyfuse.trio import Trio

SIZE = {"float32": 2.0, "bfloat16": 1.0, "q8_0": 34 / 64}  # of bfloat16's
Figure = Callable[[Turn], float]


def whole(turn: Turn) -> float:
    """Seconds of a run."""
    return turn.seconds


def per_token(turn: Turn) -> float:
    """Seconds between its tokens."""
    return turn.per_token


def milliseconds(columns: Mapping[str, Column], figure: Figure) -> dict[str, Any]:
    """Of each peer."""
    return {
        name: vars(Spread.of([1e3 * figure(turn) for turn in column.turns]))
        for name, column in columns.items()
    }


def per_second(columns: Mapping[str, Column], tokens: int) -> dict[str, Any]:
    """Tokens a second, where a run writes `tokens`."""
    return {
        name: vars(Spread.of([tokens / turn.seconds for turn in column.turns]))
        for name, column in columns.items()
    }


def times_faster_than(columns: Mapping[str, Column], figure: Figure) -> dict[str, Any]:
    """How many times faster this engine is than each rival, pair by pair."""
    return {
        name: vars(ratios(*column.pairs(figure)))
        for name, column in columns.items()
        if name != MINE
    }


def shares(
    columns: Mapping[str, Column], peers: Mapping[str, Peer], folders: Trio[Path], stream: int
) -> dict[str, Any]:
    """Each peer's share of its own floor: to read the weights it has, in its type, at each step."""
    found = {}
    for name, column in columns.items():
        size = weight_bytes(peers[name], folders)
        spent, _ = column.pairs(per_token)
        found[name] = vars(share_of_floor(column.read, spent, stream, size))
    return found


def weight_bytes(peer: Peer, folders: Trio[Path]) -> int:
    """What a step of a peer reads of its weights."""
    return int(SIZE[peer.dtype] * bytes_a_token(folders, torch.bfloat16, peer.roles))


def by_token(
    columns: Mapping[str, Column], peers: Mapping[str, Peer], folders: Trio[Path], stream: int
) -> dict[str, Any]:
    """All figures of decoding."""
    return {
        "ms_per_token": milliseconds(columns, per_token),
        "share_of_floor": shares(columns, peers, folders, stream),
        "times_faster_than": times_faster_than(columns, per_token),
        "arrivals": {name: arrivals(column.turns) for name, column in columns.items()},
        "rounds": rounds(columns, per_token),
    }


def rounds(columns: Mapping[str, Column], figure: Figure) -> dict[str, Any]:
    """Milliseconds of every round, so that whoever doubts a median can take another."""
    own = {
        name: [float(f"{1e3 * figure(turn):.4g}") for turn in column.turns]
        for name, column in columns.items()
    }
    return own | {"plain read": [float(f"{1e3 * it:.4g}") for it in columns[MINE].read]}


def read_rate(columns: Mapping[str, Column], stream: int) -> dict[str, float]:
    """GB/s of the plain reads beside them."""
    return vars(Spread.of([stream / 1e9 / spent for spent in columns[MINE].read]))


def show(title: str, unit: str, spreads: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """One case as a table on the terminal."""
    print(f"\n{title}")
    for name, spread in spreads.items():
        share = figures.get("share_of_floor", {}).get(name)
        floor = f"{share['median']:.0%} of its floor" if share else ""
        more = figures["times_faster_than"].get(name)
        ratio = f"proxyfuse is {Spread(**more)} times as fast" if more else ""
        print(f"  {name:36} {Spread(**spread)!s:30} {unit}  {floor:18} {ratio}")
