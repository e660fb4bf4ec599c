"""Two runs agree where their ratios do, state by state; times are the machine's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import compare
from bench.engine.reads import NARROW, WIDE
from bench.records import ANY, MIXED, Known, Ratio, read, sets

HF = {"hf": 4.0}


def spread(median: float) -> dict[str, float]:
    return {"median": median, "least": 0.0, "most": 9.0}


def put(
    place: Path, bench: str = "latency", date: str = "1", commit: str = "c", **rivals: Any
) -> Path:
    """A record whose rivals have one ratio, or one for each state."""
    faster = {
        name: spread(it)
        if isinstance(it, float)
        else spread(99.0) | {state: spread(ratio) for state, ratio in it.items()}
        for name, it in rivals.items()
    }
    figures = {"ms_per_token": {"hf": spread(40.0)}, "times_faster_than": faster}
    about = {"bench": bench, "date": date, "commit": commit, "machine": {"cores": 2}}
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({**about, "trios": {"mid": {"batches": {"1": figures}}}}))
    return place


def judged(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        compare.main()
    return int(str(left.value.code))


@pytest.mark.parametrize(("ratio", "code"), [(4.0, 0), (4.39, 0), (3.65, 0), (4.41, 1), (3.6, 1)])
def test_ten_per_cent_either_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float, code: int
) -> None:
    first, second = put(tmp_path / "a.json", hf=4.0), put(tmp_path / "b.json", hf=ratio)
    assert judged(monkeypatch, first, second) == judged(monkeypatch, second, first) == code
    assert judged(monkeypatch, first, second, "--most", "0.2") == 0


def test_a_rival_that_one_run_lacks_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = put(tmp_path / "a.json", llama=2.0, **HF), put(tmp_path / "b.json", **HF)
    assert judged(monkeypatch, first, second) == 1
    assert "only in the first: latency: mid / batches / 1 / llama" in capsys.readouterr().out


def test_like_states_are_compared_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {NARROW: 2.0, WIDE: 3.0}
    first = put(tmp_path / "a.json", hf=both, llama=both)
    second = put(tmp_path / "b.json", hf={WIDE: 3.1}, llama=both)
    assert judged(monkeypatch, first, second) == 0
    told = capsys.readouterr().out
    assert "1 more were of a state" in told and "3 ratios compared, 0 of them" in told
    assert judged(monkeypatch, first, put(tmp_path / "b.json", hf={WIDE: 2.0}, llama=both)) == 1
    hf = "mid / batches / 1 / hf"
    assert (
        f"50.0%      -         3        2  latency: {hf}, {WIDE}  <-- too far"
        in capsys.readouterr().out
    )


def test_runs_that_share_no_state_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put(tmp_path / "a.json", hf={NARROW: 2.0})
    assert judged(monkeypatch, first, put(tmp_path / "b.json", hf={WIDE: 2.0})) == 1


def test_a_run_has_each_bench_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "cpu"
    put(place / "1-latency.json", "latency", "2026-01-01T10", hf=9.0)
    put(place / "2-latency.json", "latency", "2026-01-01T11", "d", hf=2.0)
    put(place / "3-throughput.json", "throughput", "2026-01-01T12", "d", hf=3.0)
    put(place / "4-latency.json", "latency", "2026-01-01T13", "d", hf=2.1)
    put(place / "5-throughput.json", "throughput", "2026-01-01T14", "d", hf=4.0)
    (place / "demo-trio.json").write_text("{}")  # no record of a bench, and none of ours to read
    assert [set(run.each) for run in sets(tmp_path)] == [{"latency"}] + [
        {"latency", "throughput"}
    ] * 2
    case = "mid / batches / 1"
    assert read(tmp_path).ratios == {
        Ratio("latency", case, "hf", ANY): Known(2.1),
        Ratio("throughput", case, "hf", ANY): Known(4.0),
    }
    assert judged(monkeypatch, "--last", tmp_path) == 1
    assert judged(monkeypatch, "--last", tmp_path, "--most", "0.4") == 0


def test_other_commits_are_other_runs(tmp_path: Path) -> None:
    put(tmp_path / "1-latency.json", "latency", "1", "c", hf=1.0)
    put(tmp_path / "2-throughput.json", "throughput", "2", "d", hf=1.0)
    assert len(sets(tmp_path)) == 2


@pytest.mark.parametrize(
    "words", [(), ("a.json",), ("--last", "a", "b"), ("--last", "one"), ("a", "b")]
)
def test_what_names_no_two_runs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    put(tmp_path / "one/a-latency.json", hf=1.0)
    put(tmp_path / "a.json", hf=1.0)
    monkeypatch.chdir(tmp_path)
    assert judged(monkeypatch, *words) == 2


@pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"bench": "x", "date": "1"}'])
def test_what_is_no_record_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    (tmp_path / "a.json").write_text(text)
    assert judged(monkeypatch, tmp_path / "a.json", tmp_path / "a.json") == 2
    assert "a.json: got" in capsys.readouterr().err


def known(median: float, error: float | None, pairs: int = 9) -> dict[str, Any]:
    return spread(median) | {"pairs": pairs, "error": error}


def put_known(place: Path, **states: dict[str, Any]) -> Path:
    """A record of one rival, of whom the pairs and the error are told."""
    names = {"one": NARROW, "more": WIDE}
    its = {names[key]: told for key, told in states.items()}
    file = put(place, hf=4.0)
    record = json.loads(file.read_text())
    figures = record["trios"]["mid"]["batches"]["1"]
    figures["times_faster_than"] = {"hf": known(9.0, 0.2) | its}
    file.write_text(json.dumps(record))
    return file


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (0.01, "15.0%   2.9%         4      4.6  {what}  <-- too far, beyond both errors"),
        (0.06, "15.0%  18.5%         4      4.6  {what}  <-- too far, within both errors"),
        (None, "15.0%      -         4      4.6  {what}  <-- too far\n"),
    ],
)
def test_what_two_errors_allow_stands_beside_what_is_apart(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: float | None,
    told: str,
) -> None:
    first = put_known(tmp_path / "a.json", one=known(4.0, error))
    second = put_known(tmp_path / "b.json", one=known(4.6, error))
    assert judged(monkeypatch, first, second) == 1
    out = capsys.readouterr().out
    assert told.format(what=f"latency: mid / batches / 1 / hf, {NARROW}") in out
    assert ("0 of 1 are farther" in out, "1 of 1 are farther" in out) == (
        error == 0.06,
        error == 0.01,
    )


def test_less_than_ten_per_cent_may_still_be_more_than_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = put_known(tmp_path / "a.json", one=known(4.0, 0.005))
    second = put_known(tmp_path / "b.json", one=known(4.2, 0.005))
    assert judged(monkeypatch, first, second) == 0
    out = capsys.readouterr().out
    assert "<-- beyond both errors" in out and "1 of 1 are farther" in out


def test_a_ratio_of_several_states_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = put_known(tmp_path / "a.json"), put_known(tmp_path / "b.json")
    assert {it.state for it in read(first).ratios} == {MIXED}
    assert judged(monkeypatch, first, second) == 1, "nothing to compare"
    told = capsys.readouterr().out
    assert "0 ratios compared" in told and "1 more were of a state" in told
