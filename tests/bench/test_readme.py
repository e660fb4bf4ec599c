"""The table is that of the newest records, says where a rival is faster, and is found stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import readme
from bench.engine.reads import NARROW, WIDE
from bench.peers.lineup import MINE, MY_BASE

RIVAL = "llama.cpp loop, q8_0"


def spread(value: float) -> dict[str, float]:
    return {"median": value, "least": value / 2, "most": value * 2}


def put(
    results: Path, name: str, date: str, trios: dict[str, Any], machine: str = "machine"
) -> None:
    about = {"cpu": "AMD EPYC", "cores": 2, "torch": "2.13"}
    record = {"date": date, "commit": "abc", "machine": about, "trios": {"mid": trios}}
    folder = results / machine
    folder.mkdir(exist_ok=True)
    missing = {"missing": ["vLLM: not installed"]}
    (folder / f"{date}-abc-{name}.json").write_text(json.dumps(record | missing))


def put_latency(results: Path, date: str, ratio: float | dict[str, Any]) -> None:
    names = (MINE, MY_BASE, RIVAL)
    rival = spread(ratio) if isinstance(ratio, float) else ratio
    batch = {
        "ms_per_token": {name: spread(20.0) for name in names},
        "share_of_floor": {name: spread(0.5) for name in names},
        "times_faster_than": {RIVAL: rival, MY_BASE: spread(0.5)},
        "read_gb_per_s": {NARROW: spread(43.0)},
    }
    put(results, "latency", date, {"batches": {"1": batch}})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    put_latency(tmp_path, "2026-01-02", 0.5)
    speeds = {MINE: spread(5000.0), RIVAL: spread(1000.0)}
    busy = {"tokens_per_second": speeds, "times_faster_than": {RIVAL: spread(5.0)}}
    put(tmp_path, "throughput", "2026-01-01", {"requests": 64, "concurrency": {"32": busy}})
    put(tmp_path, "memory", "2026-01-01", {"peak_over_sum": 1.03})
    return tmp_path


def test_a_rival_that_is_faster_stands_out(results: Path) -> None:
    made = str(readme.table(results))
    assert (
        f"| {RIVAL} | 20: **it is faster**, 2x (1 to 4) | 1,000: proxyfuse 5x (2.5 to 10) |" in made
    )
    assert f"| **{MINE}** | **20 ms/token** | **5,000 tokens/s** |" in made
    assert "- not measured: vLLM: not installed" in made
    assert "2026-01-02-abc-latency.json" in made


def test_each_state_of_the_machine_is_told_by_itself(results: Path) -> None:
    both = spread(1.0) | {NARROW: spread(0.5), WIDE: spread(3.0)}
    put_latency(results, "2026-01-03", both)
    made = str(readme.table(results))
    assert f"| {RIVAL} | 20: **it is faster**, 2x (1 to 4)¹, proxyfuse 3x (1.5 to 6)² |" in made
    assert "- ¹ the cores on one link to memory, 43 GB/s" in made and "- ²" not in made


def test_the_newest_record_counts(results: Path) -> None:
    put_latency(results, "2026-01-03", 3.0)
    assert "it is faster" not in str(readme.table(results)).split(MY_BASE)[0] + "x"
    assert f"| {RIVAL} | 20: proxyfuse 3x" in str(readme.table(results))


def test_one_table_is_of_one_machine(results: Path) -> None:
    put(results, "memory", "2026-01-04", {"peak_over_sum": 9.0}, "another")
    made = str(readme.table(results))
    assert "1.03 of weights" in made and "another" not in made


def test_a_machine_that_lacks_a_record_does_not_keep_the_table_as_it_was(results: Path) -> None:
    before = readme.table(results)
    found = readme.newest("latency", results)
    assert found is not None
    trios = found[1]["trios"]["mid"]
    put(results, "latency", "2026-01-05", trios, "gpu")
    put(results, "throughput", "2026-01-05", {"requests": 64, "concurrency": {}}, "gpu")
    assert readme.table(results) == before and before is not None
    put_latency(results, "2026-01-04", 3.0)
    assert f"| {RIVAL} | 20: proxyfuse 3x" in str(readme.table(results))


@pytest.mark.parametrize("where", ["trio", "record"])
def test_an_interrupted_record_is_left_out(
    where: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = readme.newest("latency", results)
    put_latency(results, "2026-01-03", 3.0)
    path = results / "machine" / "2026-01-03-abc-latency.json"
    record = json.loads(path.read_text())
    part = record if where == "record" else record["trios"]["mid"]
    part["interrupted"] = True
    path.write_text(json.dumps(record))
    assert readme.newest("latency", results) == whole
    assert "2026-01-03-abc-latency.json: interrupted" in capsys.readouterr().err
    part["interrupted"] = False
    path.write_text(json.dumps(record))
    assert readme.newest("latency", results) == (path, record)


def test_a_stale_table_fails_the_check(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}old\n{readme.END}\nafter\n")
    monkeypatch.setattr(readme, "README", page)
    monkeypatch.setattr(readme.table, "__defaults__", (results,))
    monkeypatch.setattr(readme.renewed, "__defaults__", (results,))
    monkeypatch.setattr("sys.argv", ["readme", "--check"])
    with pytest.raises(SystemExit, match="not those of bench/results"):
        readme.main()
    monkeypatch.setattr("sys.argv", ["readme"])
    readme.main()
    assert page.read_text().startswith("before\n") and page.read_text().endswith("\nafter\n")
    monkeypatch.setattr("sys.argv", ["readme", "--check"])
    readme.main()


def test_without_every_record_the_page_stays(tmp_path: Path) -> None:
    assert readme.table(tmp_path) is None
    assert readme.renewed("as it was", tmp_path) == "as it was"


def test_a_record_of_an_older_form_is_named_and_left_out(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = readme.table(results)
    old = results / "machine" / "2027-01-01-abc-latency.json"
    old.write_text(json.dumps({"date": "2027-01-01", "cases": {"demo": {"ms": 1}}}))
    assert readme.table(results) == before
    assert f"{old.name}: a record of an older form" in capsys.readouterr().err
