"""Columns belong together: one round of a rival, of this engine, and of a read beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.engine import turn
from bench.engine.contest import TURN, Case, Contest, Gate
from bench.engine.figures import per_token, times_faster_than, whole
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup, Text, Write
from proxyfuse.measure import ReadStream, protocol
from proxyfuse.trio import Role, Trio


class Clock:
    """Time that passes only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def worker(name: str, seconds: float, clock: Clock, log: list[str]) -> Peer:
    @contextmanager
    def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
        log.append(f"open {name}")

        def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
            log.append(name)
            clock.sleep(5.0)  # until the first token
            times = []
            for _ in range(max(lengths)):
                times.append(clock.now)
                clock.sleep(seconds)
            return [Text([0] * length, times[:length]) for length in lengths]

        yield write
        log.append(f"close {name}")

    return Peer(name=name, open=opened, dtype="float32")


@pytest.mark.parametrize(
    ("device", "opened"),
    [("cpu", [[MINE, "slow", "slower"]]), ("cuda", [[MINE, "slow"], [MINE, "slower"]])],
)
def test_rivals_run_in_turn_and_are_paired(
    small: Trio[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    opened: list[list[str]],
) -> None:
    monkeypatch.setattr(Gate, "require_right", lambda *_: None)
    clock, log = Clock(), list[str]()
    monkeypatch.setattr(protocol, "time", clock)
    monkeypatch.setattr(turn, "perf_counter", clock.perf_counter)
    speeds = {MINE: 1.0, "slow": 4.0, "slower": 8.0}
    columns = Contest(
        peers=[worker(name, seconds, clock, log) for name, seconds in speeds.items()],
        folders=small,
        gate=small,
        device=device,
        rounds=2,
        seconds=1e9,
        scratch=tmp_path,
        stream=ReadStream("cpu", 4096),
    ).run({"one": Case([[1]], [1], 1), "three": Case([[1], [1]], [3, 3], 1)})
    begun = [entry.removeprefix("open ") for entry in log if entry.startswith("open")]
    assert begun == [name for group in opened for name in group]
    runs = [entry for entry in log if " " not in entry]
    assert runs[-2 * len(opened[-1]) :] == opened[-1] + opened[-1][::-1]  # forth and back
    assert list(columns["one"]) == list(columns["three"]) and set(columns["one"]) == set(speeds)
    for figure, ratio in ((per_token, (4.0, 8.0)), (whole, (17 / 8, 29 / 8))):
        found = times_faster_than(columns["three"], figure)
        assert [found[name]["median"] for name in ("slow", "slower")] == pytest.approx(ratio)
    own, mine = columns["one"]["slow"].pairs(whole)
    assert own == pytest.approx([9.0, 9.0]) and mine == pytest.approx([6.0, 6.0])
    assert len(columns["one"]["slow"].read) == 2


def test_who_is_slow_writes_fewer_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock()
    monkeypatch.setattr(turn, "perf_counter", clock.perf_counter)

    def lengths(seconds: float, least: int | None) -> list[int]:
        room = Setup(dtype="float32", device="cpu", sequences=2, tokens=99, scratch=tmp_path)
        with worker("it", seconds, clock, []).open(Trio({Role.BASE: tmp_path}), room) as write:
            return Case([[1], [2]], [64, 32], 2, least).lengths_for(write)

    assert lengths(TURN / 1000, 8) == [64, 32]
    assert lengths(TURN / 20.5, 8) == [20, 20]
    assert lengths(TURN, 8) == [8, 8]
    assert lengths(TURN, None) == [64, 32]
