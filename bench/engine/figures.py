"""Columns of turns as the figures that a record keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.engine.contest import Column
from bench.engine.reads import QUIET, STATES, Reader, by_state
from bench.engine.turn import Figure, Turn, arrivals, drafts, host_times, per_token, whole
from bench.peers.lineup import MINE
from bench.peers.peer import Peer
from proxyfuse.measure import Spread, bytes_a_token, share_of_floor
from proxyfuse.trio import Trio

SIZE = {"float32": 2.0, "bfloat16": 1.0, "fp8": 1.0, "q8_0": 34 / 64}  # of bfloat16's


def milliseconds(columns: Mapping[str, Column], figure: Figure) -> dict[str, Any]:
    """Of each peer."""
    return {
        name: vars(Spread.of([1e3 * value for value in column.each(figure)]))
        for name, column in columns.items()
    }


def per_second(columns: Mapping[str, Column], tokens: int) -> dict[str, Any]:
    """Tokens a second, where a run writes `tokens`."""
    return {
        name: vars(Spread.of([tokens / value for value in column.each(whole)]))
        for name, column in columns.items()
    }


def times_faster_than(
    columns: Mapping[str, Column], figure: Figure, reader: Reader
) -> dict[str, Any]:
    """How many times faster this engine is than each rival, pair by pair and state by state."""
    return {
        name: by_state(column.pairs(figure, reader))
        for name, column in columns.items()
        if name != MINE
    }


def shares(columns: Mapping[str, Column], sizes: Mapping[str, int], stream: int) -> dict[str, Any]:
    """Each peer's share of its own floor: to read its bytes of weights once a step."""
    found = {}
    for name, column in columns.items():
        reads = [turn.beside.read for turn in column.turns]
        found[name] = vars(share_of_floor(reads, column.each(per_token), stream, sizes[name]))
    return found


def weight_bytes(
    peers: Sequence[Peer], folders: Trio[Path], load_format: str = "auto"
) -> dict[str, int]:
    """What a step of each peer reads of its weights, in the type that it has them in."""
    return {peer.name: _weight_bytes(peer, folders, load_format) for peer in peers}


def _weight_bytes(peer: Peer, folders: Trio[Path], load_format: str) -> int:
    narrow = "fp8" if peer.dtype == "fp8" else None
    read = bytes_a_token(folders, torch.bfloat16, peer.roles, narrow, load_format)
    return int(SIZE[peer.dtype] * read)


def by_token(
    columns: Mapping[str, Column], sizes: Mapping[str, int], reader: Reader
) -> dict[str, Any]:
    """All figures of decoding; `sizes`: each peer's bytes of weights that a step reads."""
    return {
        "ms_per_token": milliseconds(columns, per_token),
        "share_of_floor": shares(columns, sizes, reader.stream.bytes),
        "times_faster_than": times_faster_than(columns, per_token, reader),
        "arrivals": {
            name: its for name, column in columns.items() if (its := arrivals(column.runs))
        },
        "host": {name: its for name, column in columns.items() if (its := host_times(column.runs))},
        "drafts": {name: its for name, column in columns.items() if (its := drafts(column.runs))},
        "rounds": rounds(columns, per_token),
    }


def rounds(columns: Mapping[str, Column], figure: Figure) -> dict[str, Any]:
    """Every rival's turns, and under `mine` this engine's beside them, for who doubts a median."""
    rivals = {name: column for name, column in columns.items() if name != MINE}
    return {
        name: _turns(column.turns, figure) | {"mine": _turns(column.mine, figure)}
        for name, column in rivals.items()
    } or {MINE: _turns(columns[MINE].turns, figure)}


def _turns(turns: Sequence[Turn], figure: Figure) -> dict[str, Any]:
    """Milliseconds of each, and what was seen beside it."""
    return {
        "ms": [float(f"{1e3 * turn.of(figure):.4g}") for turn in turns],
        "read_ms": [float(f"{1e3 * turn.beside.read:.4g}") for turn in turns],
        "others": [round(turn.beside.others, 2) for turn in turns],
    }


def read_rate(columns: Mapping[str, Column], reader: Reader) -> dict[str, Any]:
    """GB/s of the plain reads before all turns, and by the state that they show."""
    seen = [turn.beside for column in columns.values() for turn in column.turns]
    rates: dict[str, list[float]] = {}
    for one in seen:
        rates.setdefault(reader.state(one), []).append(reader.stream.bytes / 1e9 / one.read)
    every = [rate for its in rates.values() for rate in its]
    return vars(Spread.of(every)) | {state: vars(Spread.of(its)) for state, its in rates.items()}


def show(title: str, unit: str, spreads: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """One case as a table on the terminal."""
    print(f"\n{title}")
    for name, spread in spreads.items():
        share = figures.get("share_of_floor", {}).get(name)
        floor = f"{share['median']:.0%} of its floor" if share else ""
        more = figures["times_faster_than"].get(name)
        ratio = f"proxyfuse is {_told(more)} times as fast" if more else ""
        print(f"  {name:36} {Spread(**spread)!s:30} {unit}  {floor:18} {ratio}")
    its = figures["rounds"].values()
    columns = [*its, *(column["mine"] for column in its if "mine" in column)]
    others = [share for column in columns for share in column["others"]]
    if busy := sum(share > QUIET for share in others):
        print(f"  {busy} of {len(others)} turns were beside other work, and so in no state")


def _told(ratio: Mapping[str, Any]) -> str:
    states = [f"{ratio[state]['median']:.3g} with {state}" for state in STATES if state in ratio]
    return ", ".join(states) or f"{ratio['median']:.3g}"
