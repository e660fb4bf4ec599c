"""Two runs agree where their ratios do; times are the machine's, and no ratio may be missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import compare


def record(bench: str, date: str, ratio: float, **more: float) -> dict[str, Any]:
    faster = {
        name: {"median": it, "least": 0, "most": 9} for name, it in {"hf": ratio, **more}.items()
    }
    figures = {"ms_per_token": {"hf": {"median": 40 * ratio}}, "times_faster_than": faster}
    drafts = {"times_faster_than_no_drafts": {"auto": {"median": 1.5}}}
    return {"bench": bench, "date": date, "trios": {"mid": {"batches": {"1": figures | drafts}}}}


def put(place: Path, **fields: Any) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(record(**fields)))
    return place


def judged(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, words)])
    try:
        compare.main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


@pytest.mark.parametrize(("ratio", "code"), [(4.0, 0), (4.39, 0), (3.65, 0), (4.41, 1), (3.6, 1)])
def test_ten_per_cent_either_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float, code: int
) -> None:
    first = put(tmp_path / "a.json", bench="latency", date="1", ratio=4.0)
    second = put(tmp_path / "b.json", bench="latency", date="2", ratio=ratio)
    assert judged(monkeypatch, first, second) == judged(monkeypatch, second, first) == code
    assert judged(monkeypatch, first, second, "--most", "0.2") == 0


def test_a_ratio_that_one_run_lacks_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = put(tmp_path / "a.json", bench="latency", date="1", ratio=4.0, llama=2.0)
    second = put(tmp_path / "b.json", bench="latency", date="2", ratio=4.0)
    assert judged(monkeypatch, first, second) == 1
    assert (
        "only in the first: latency: trios / mid / batches / 1 / times" in capsys.readouterr().out
    )


def test_of_folders_the_newest_of_each_bench_counts(tmp_path: Path) -> None:
    put(tmp_path / "a/cpu/1.json", bench="latency", date="2026-01-02", ratio=3.0)
    put(tmp_path / "a/cpu/2.json", bench="latency", date="2026-01-01", ratio=9.0)
    put(tmp_path / "a/cpu/3.json", bench="throughput", date="2026-01-01", ratio=5.0)
    found = compare.read(tmp_path / "a")
    path = "trios / mid / batches / 1 / times_faster_than"
    assert found == {
        f"latency: {path} / hf": 3.0,
        f"latency: {path}_no_drafts / auto": 1.5,
        f"throughput: {path} / hf": 5.0,
        f"throughput: {path}_no_drafts / auto": 1.5,
    }


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
