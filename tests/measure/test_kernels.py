"""Timing of cases: red is not timed, what is slow is left out, inputs take turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from proxyfuse.measure import ReadStream, kernels, sample
from proxyfuse.measure.kernels import time_case, time_cases
from proxyfuse.measure.ops import linear
from proxyfuse.measure.ops.case import Buffers, Case, Place, Run, WrongResultError
from proxyfuse.measure.sample import Sample

PLACE = Place(torch.device("cpu"))
STREAM = ReadStream("cpu", 1 << 16)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 1e-4)
    monkeypatch.setattr(kernels, "PATIENCE", 0.01)
    monkeypatch.setattr(kernels, "MOST_COPIES", 8)


def fake(rows: int, takes: dict[str, float], ran: Callable[[str, int], None]) -> Case:
    """Versions that sleep, and say which buffers they ran on."""

    def version(name: str) -> Callable[[Buffers], Run]:
        def prepare(buffers: Buffers) -> Run:
            def run() -> None:
                ran(name, buffers["x"].data_ptr())
                time.sleep(takes[name])

            return run

        return prepare

    return Case(
        op="fake",
        sizes={"rows": rows},
        bytes=4000,
        make=lambda: {"x": torch.ones(1000)},
        implementations={name: version(name) for name in takes},
        gate=lambda buffers: lambda name, implementation: None,
    )


def test_who_is_slow_is_not_asked_for_more_rows() -> None:
    ran: list[str] = []
    takes = {"ours": 0.015, "quick": 0.0, "slow": 0.02}
    cases = (fake(rows, takes, lambda name, _: ran.append(name)) for rows in (1, 8))
    first, second = time_cases(cases, PLACE, STREAM, 2)
    assert list(first.seconds) == list(second.seconds) == ["ours", "quick"]
    assert first.too_slow == second.too_slow and first.too_slow["slow"] >= 0.02
    assert ran.count("slow") == 2  # it wakes, and is timed once


def test_the_only_version_is_timed_however_slow() -> None:
    timed = time_case(fake(1, {"slow": 0.02}, lambda *_: None), PLACE, STREAM, 2)
    assert min(timed.seconds["slow"]) >= 0.02


def test_inputs_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 0.01)
    places: list[int] = []
    timed = time_case(fake(1, {"a": 0.0}, lambda _, place: places.append(place)), PLACE, STREAM, 2)
    assert all(len(set(places[at : at + 8])) == 8 for at in range(len(places) - 7))
    assert len(places) > 16
    assert not timed.cold  # 8 copies of 4000 bytes


def test_large_inputs_are_cold_from_one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "cache_bytes", lambda place: 2000)
    places: list[int] = []
    timed = time_case(fake(1, {"a": 0.0}, lambda _, place: places.append(place)), PLACE, STREAM, 1)
    assert timed.cold and len(set(places)) == 1


def test_red_is_not_timed() -> None:
    case = linear.case(PLACE, 2, 16, 8, torch.float32)
    case.implementations["broken"] = lambda b: lambda: b["x"] @ b["weight"].T + 1
    with pytest.raises(WrongResultError, match="broken: got"):
        time_case(case, PLACE, STREAM, 1)


def failing(error: Exception) -> Callable[[Buffers], Run]:
    def prepare(buffers: Buffers) -> Run:
        raise error

    return prepare


@pytest.mark.parametrize("at", ["the gate", "the clock"])
def test_a_rival_that_fails_is_left_out_and_named(at: str) -> None:
    """The cases that follow are timed, too, with all who do not fail there."""
    case = fake(1, {"ours": 0.0, "torch": 0.0}, lambda *_: None)
    case.implementations["flashinfer"] = failing(RuntimeError("no such architecture\nand more"))
    gate = lambda buffers: lambda name, implementation: implementation(buffers)  # noqa: E731
    asked = replace(case, gate=gate if at == "the gate" else case.gate)
    first, second = time_cases([asked, fake(8, {"ours": 0.0}, lambda *_: None)], PLACE, STREAM, 1)
    assert set(first.record()["implementations"]) == {"ours", "torch"}
    assert first.record()["failed"] == {
        "flashinfer": "RuntimeError: no such architecture\nand more"
    }
    assert set(second.seconds) == {"ours"} and not second.failed


@pytest.mark.parametrize("at", ["the gate", "the clock"])
def test_ours_that_fails_fails_loudly(at: str) -> None:
    case = fake(1, {"ours": 0.0, "torch": 0.0}, lambda *_: None)
    case.implementations["ours"] = failing(RuntimeError("an illegal address"))
    gate = lambda buffers: lambda name, implementation: implementation(buffers)  # noqa: E731
    with pytest.raises(RuntimeError, match="an illegal address"):
        time_case(replace(case, gate=gate if at == "the gate" else case.gate), PLACE, STREAM, 1)


def test_a_rival_that_is_wrong_is_not_forgiven() -> None:
    case = linear.case(PLACE, 2, 16, 8, torch.float32)
    case.implementations["torch"] = lambda b: lambda: b["x"] @ b["weight"].T + 1
    with pytest.raises(WrongResultError, match="torch: got"):
        time_case(case, PLACE, STREAM, 1)


def test_a_record_holds_the_ratio_and_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "PATIENCE", 5.0)
    timed = time_case(fake(1, {"ours": 0.001, "theirs": 0.004}, lambda *_: None), PLACE, STREAM, 3)
    record = timed.record()
    ours, theirs = (record["implementations"][name] for name in ("ours", "theirs"))
    assert ours["times_slower"]["median"] == 1
    assert 1.5 < theirs["times_slower"]["median"] < 8
    assert ours["us"]["least"] >= 1000
    floor = record["bytes"] / STREAM.bytes * sorted(timed.reads)[1]
    assert 0 < ours["share_of_floor"]["least"] <= floor / 0.001 * 50


def test_a_record_says_of_its_own_versions_which_were_captured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not of who was late or refused; each case compiles anew."""

    class Fake(Sample):
        def __init__(self, calls: list[Run], device: torch.device, capture: bool) -> None:
            super().__init__(calls, torch.device("cpu"))
            self.captured = capture and calls[0].__qualname__ != "refuses"

    resets: list[int] = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: resets.append(1))
    monkeypatch.setattr(kernels, "Sample", Fake)
    monkeypatch.setattr(kernels, "cache_bytes", lambda place: 2000)
    takes = {"ours": 0.0, "slow": 0.02, "reference": 0.0, "refuses": 0.0}
    case = fake(1, takes, lambda *_: None)

    def refuses() -> None:
        pass

    refuses.__qualname__ = "refuses"
    case.implementations["refuses"] = lambda _: refuses
    place = Place(torch.device("cuda"))
    for timed in time_cases([case, case], place, STREAM, 1):
        assert timed.record()["captured"] == ["ours"]
        assert set(timed.seconds) == {"ours", "reference", "refuses"}
    assert len(resets) == 2
