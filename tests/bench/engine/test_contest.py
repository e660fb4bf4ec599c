"""Columns belong together: one round of a rival, of this engine, and of a read beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.engine.contest import Case, Column, Contest, Gate
from bench.engine.figures import times_faster_than
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup, Write
from proxyfuse.measure import ReadStream, protocol
from proxyfuse.trio import Trio


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

        def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[list[int]]:
            clock.sleep(seconds * sum(lengths))
            log.append(name)
            return [[0] * length for length in lengths]

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
    speeds = {MINE: 1.0, "slow": 4.0, "slower": 8.0}
    columns = Contest(
        peers=[worker(name, seconds, clock, log) for name, seconds in speeds.items()],
        folders=small,
        gate=small,
        device=device,
        sequences=1,
        rounds=2,
        scratch=tmp_path,
        stream=ReadStream("cpu", 4096),
    ).run({"one": Case([[1]], [1]), "three": Case([[1]], [3])})
    begun = [entry.removeprefix("open ") for entry in log if entry.startswith("open")]
    assert begun == [name for group in opened for name in group]
    runs = [entry for entry in log if " " not in entry]
    assert runs[-2 * len(opened[-1]) :] == 2 * opened[-1]  # case by case, in turn
    assert list(columns["one"]) == list(columns["three"]) and set(columns["one"]) == set(speeds)
    ratio = times_faster_than(columns["three"])
    assert {name: it["median"] for name, it in ratio.items()} == pytest.approx(
        {"slow": 4.0, "slower": 8.0}
    )
    left = columns["three"]["slow"].minus(columns["one"]["slow"])
    assert left.own == pytest.approx([8.0, 8.0])


def test_a_difference_is_taken_round_by_round() -> None:
    whole, first = Column([5.0, 9.0], [3.0, 4.0], [1.0, 1.0]), Column([1.0, 2.0], [1.0, 1.0], [])
    assert whole.minus(first) == Column([4.0, 7.0], [2.0, 3.0], [1.0, 1.0])
