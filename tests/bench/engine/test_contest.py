"""Turns belong together: one of a rival, one of this engine, and of a read beside each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from bench.engine import contest, reads, turn
from bench.engine.case import MOST, TURN, Case
from bench.engine.contest import Contest, Gate, Interrupted
from bench.engine.doubt import FEW
from bench.engine.figures import times_faster_than
from bench.engine.reads import Reader
from bench.engine.turn import per_token, whole
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


def contest_of(
    peers: Sequence[Peer],
    folders: Trio[Path],
    scratch: Path,
    device: str,
    rounds: int = 2,
    seconds: float = 1e9,
    apart: bool = False,
) -> Contest:
    """Over these folders, which the gate reads too."""
    return Contest(
        peers=peers,
        folders=folders,
        gate=folders,
        device=device,
        apart=apart,
        rounds=rounds,
        seconds=seconds,
        scratch=scratch,
        reader=Reader("cpu", 4096),
    )


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
    columns = contest_of(
        [worker(name, seconds, clock, log) for name, seconds in speeds.items()],
        small,
        tmp_path,
        device,
    ).run({"one": Case([[1]], [1], 1), "three": Case([[1], [1]], [3, 3], 1)})
    begun = [entry.removeprefix("open ") for entry in log if entry.startswith("open")]
    assert begun == [name for group in opened for name in group]
    runs = [entry for entry in log if " " not in entry]
    timed = runs[-16 if device == "cpu" else -8 :]  # of four races, or of the last rival's two
    pairs = list(zip(timed[::2], timed[1::2], strict=True))
    assert all(MINE in pair and {*pair} != {MINE} for pair in pairs)
    assert [pair[0] for pair in pairs] == [MINE] * (len(pairs) // 2) + [
        pair[1] for pair in pairs[: len(pairs) // 2]
    ], "forth, and then back"
    assert list(columns["one"]) == list(columns["three"]) and set(columns["one"]) == set(speeds)
    for figure, ratio in ((per_token, (4.0, 8.0)), (whole, (17 / 8, 29 / 8))):
        found = times_faster_than(columns["three"], figure, Reader("cpu", 4096))
        assert [found[name]["median"] for name in ("slow", "slower")] == pytest.approx(ratio)
    ratios = columns["one"]["slow"].pairs(whole, Reader("cpu", 4096)).ratios
    assert ratios == pytest.approx([9 / 6, 9 / 6])
    its = columns["one"]
    assert [*its["slow"].mine, *its["slower"].mine][: len(its[MINE].turns)] == its[MINE].turns
    assert all(turn.beside.read == read for turn in columns["one"]["slow"].turns)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_apart_each_is_closed_before_the_next_is_opened(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """In one order, this engine first; a turn that has none beside it is left out."""
    monkeypatch.setattr(Gate, "require_right", lambda *_: None)
    clock, log = Clock(), list[str]()
    monkeypatch.setattr(protocol, "time", clock)
    monkeypatch.setattr(turn, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(Reader, "__call__", lambda _: 0.25)
    speeds = {"slow": 4.0, MINE: 1.0, "slower": 8.0}
    peers = [worker(name, seconds, clock, log) for name, seconds in speeds.items()]
    contest = contest_of(peers, small, tmp_path, device, rounds=5, seconds=300.0, apart=True)
    columns = contest.run({"one": Case([[1]], [3], 1), "two": Case([[1]], [2], 2)})
    names = [MINE, "slow", "slower"] * 2
    begun = [entry for entry in log if " " in entry]
    assert begun == [f"{what} {name}" for name in names for what in ("open", "close")]
    for its in columns.values():
        assert set(its) == set(speeds)
        for name, column in its.items():
            assert 3 <= len(column.turns) == len(column.mine) <= 5
            found = column.pairs(per_token, contest.reader).ratios
            assert found == pytest.approx([speeds[name]] * len(found))
    assert len(columns["one"]["slower"].turns) < len(columns["one"][MINE].turns)


def test_what_each_takes_of_a_gpu_is_told(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is opened and after, beside whoever is open already."""
    monkeypatch.setattr(Gate, "require_right", lambda *_: None)
    used = iter([7, 57, 57, 87])
    monkeypatch.setattr(contest, "gpu_bytes", lambda _: next(used))
    clock = Clock()
    monkeypatch.setattr(protocol, "time", clock)
    monkeypatch.setattr(turn, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(Reader, "__call__", lambda _: 0.25)
    both = [worker(name, 1.0, clock, []) for name in (MINE, "rival")]
    race = contest_of(both, small, tmp_path, "cuda", rounds=1)
    race.run({"one": Case([[1]], [1], 1)})
    assert race.held == {MINE: 50, "rival": 30}


def test_an_interrupt_keeps_what_was_done(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU a run may have minutes: the rivals that were timed by then are told."""
    monkeypatch.setattr(Gate, "require_right", lambda *_: None)
    clock = Clock()
    monkeypatch.setattr(protocol, "time", clock)
    monkeypatch.setattr(turn, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(Reader, "__call__", lambda _: 0.25)

    def opened(folders: Trio[Path], setup: Setup) -> AbstractContextManager[Write]:
        raise KeyboardInterrupt

    done = [worker(name, seconds, clock, []) for name, seconds in ((MINE, 1.0), ("slow", 4.0))]
    race = contest_of(
        [*done, Peer(name="never", open=opened, dtype="float32")], small, tmp_path, "cuda"
    )
    with pytest.raises(Interrupted) as stopped:
        race.run({"one": Case([[1]], [1], 1), "two": Case([[1], [1]], [1, 1], 2)})
    assert set(stopped.value.columns) == {"one"}
    assert set(stopped.value.columns["one"]) == {MINE, "slow"}


def planned(
    seconds: float, least: int | None, first: float, tmp_path: Path
) -> tuple[int, int, int]:
    """Runs of a turn that count, tokens of each text in them, and runs that came before those."""
    clock, log = Clock(), list[str]()
    room = Setup(dtype="float32", device="cpu", sequences=2, tokens=99, scratch=tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(turn, "perf_counter", clock.perf_counter)
        peer = worker("it", seconds, clock, log, first)
        with peer.open(Trio({Role.BASE: tmp_path}), room) as write:
            take = Case([[1], [2]], [64, 64], 2, least).runs(write)
            log.clear()
            runs = take()
            ran = len(log)
    return len(runs), len(runs[0].texts[0].ids), ran - len(runs)


def test_who_is_slow_writes_fewer_tokens_and_who_is_fast_writes_again(tmp_path: Path) -> None:
    assert planned(TURN / 20.5, 8, 0.0, tmp_path) == (1, 16, 0)
    assert planned(TURN, 8, 0.0, tmp_path) == (1, 8, 0)
    assert planned(TURN, None, 0.0, tmp_path) == (1, 64, 0)
    assert planned(TURN / 161, 8, 0.0, tmp_path) == (2, 64, 1), "what comes first does not count"
    assert planned(TURN / 1e6, 8, 0.0, tmp_path) == (MOST, 64, 1)
    assert planned(TURN / 1e6, 8, TURN, tmp_path) == (1, 64, 0), "a prompt takes its time too"
    assert planned(TURN / 161, None, 0.0, tmp_path) == (2, 64, 1)


def test_what_is_written_does_not_hang_on_one_timing(tmp_path: Path) -> None:
    """A fifth more or less, as a state of the machine or chance gives, leaves the tokens alone."""
    for each in (TURN / 1000, TURN / 70, TURN / 40, TURN / 12, TURN / 2):
        written = {planned(each * off, 5, 0.0, tmp_path)[1] for off in (0.83, 1.0, 1.2)}
        assert len(written) == 1


def test_the_case_in_doubt_has_the_rounds_within_one_time_for_all(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "require_right", lambda *_: None)
    clock, draw = Clock(), random.Random(3)
    monkeypatch.setattr(protocol, "time", clock)
    monkeypatch.setattr(turn, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(reads, "seconds", lambda _: 0.25)
    monkeypatch.setattr(reads, "_used_by_all", lambda: 0.0)

    @contextmanager
    def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
        def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
            noise = 0.3 if prompts == [[2]] else 0.001
            clock.sleep(draw.uniform(1.0, 1.0 + noise))
            return [Text([0], [clock.now])]

        yield write

    columns = contest_of(
        [Peer(name=name, open=opened, dtype="float32") for name in (MINE, "rival")],
        small,
        tmp_path,
        "cpu",
        rounds=100,
        seconds=60.0,
    ).run({name: Case([[at]], [1], 1, figure=whole) for at, name in ((1, "calm"), (2, "loud"))})
    rounds = {name: len(its["rival"].turns) for name, its in columns.items()}
    assert rounds["calm"] == FEW and rounds["loud"] >= 2 * FEW
    spent = sum(run.seconds for its in columns.values() for it in its.values() for run in it.runs)
    assert spent < 60 + 2 * 1.3
