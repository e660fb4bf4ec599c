"""Columns belong together: one round of a rival, of this engine, and of a read beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.engine import turn
from bench.engine.contest import MOST, TURN, Case, Contest, Gate
from bench.engine.figures import per_token, times_faster_than, whole
from bench.engine.reads import Reader
from bench.peers.lineup import MINE
from bench.peers.peer import Peer, Setup, Text, Write
from proxyfuse.measure import protocol
from proxyfuse.trio import Role, Trio


class Clock:
    """Time that passes only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def worker(name: str, seconds: float, clock: Clock, log: list[str], first: float = 5.0) -> Peer:
    @contextmanager
    def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
        log.append(f"open {name}")

        def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
            log.append(name)
            clock.sleep(first)  # until the first token
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
    read = 0.25  # seconds, and no time passes
    monkeypatch.setattr(Reader, "__call__", lambda _: read)
    speeds = {MINE: 1.0, "slow": 4.0, "slower": 8.0}
    columns = Contest(
        peers=[worker(name, seconds, clock, log) for name, seconds in speeds.items()],
        folders=small,
        gate=small,
        device=device,
        rounds=2,
        seconds=1e9,
        scratch=tmp_path,
        reader=Reader("cpu", 4096),
    ).run({"one": Case([[1]], [1], 1), "three": Case([[1], [1]], [3, 3], 1)})
    begun = [entry.removeprefix("open ") for entry in log if entry.startswith("open")]
    assert begun == [name for group in opened for name in group]
    runs = [entry for entry in log if " " not in entry]
    forth, back = opened[-1], opened[-1][::-1]  # of one case after that of the other
    assert runs[-4 * len(forth) :] == forth + forth + back + back
    assert list(columns["one"]) == list(columns["three"]) and set(columns["one"]) == set(speeds)
    for figure, ratio in ((per_token, (4.0, 8.0)), (whole, (17 / 8, 29 / 8))):
        found = times_faster_than(columns["three"], figure, Reader("cpu", 4096))
        assert [found[name]["median"] for name in ("slow", "slower")] == pytest.approx(ratio)
    own, mine = columns["one"]["slow"].pairs(whole)
    assert own == pytest.approx([9.0, 9.0]) and mine == pytest.approx([6.0, 6.0])
    assert columns["one"]["slow"].mine == columns["one"][MINE].turns
    assert all(turn.beside.read == read for turn in columns["one"]["slow"].turns)


def planned(seconds: float, least: int | None, first: float, tmp_path: Path) -> tuple[int, int]:
    """Runs in a turn, and the tokens of each text in them, of who takes so long for one."""
    clock = Clock()
    room = Setup(dtype="float32", device="cpu", sequences=2, tokens=99, scratch=tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(turn, "perf_counter", clock.perf_counter)
        peer = worker("it", seconds, clock, [], first)
        with peer.open(Trio({Role.BASE: tmp_path}), room) as write:
            runs = Case([[1], [2]], [64, 64], 2, least).runs(write)()
    return len(runs), len(runs[0].texts[0].ids)


def test_who_is_slow_writes_fewer_tokens_and_who_is_fast_writes_again(tmp_path: Path) -> None:
    assert planned(TURN / 20.5, 8, 0.0, tmp_path) == (1, 20)
    assert planned(TURN, 8, 0.0, tmp_path) == (1, 8)
    assert planned(TURN, None, 0.0, tmp_path) == (1, 64)
    assert planned(TURN / 161, 8, 0.0, tmp_path) == (2, 64)
    assert planned(TURN / 1e6, 8, 0.0, tmp_path) == (MOST, 64)
    assert planned(TURN / 1e6, 8, TURN, tmp_path) == (1, 64), "a prompt takes its time too"
    assert planned(TURN / 161, None, 0.0, tmp_path) == (2, 64)
