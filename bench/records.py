"""Records as `make bench` left them: one set a run, and the ratios in each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine.reads import STATES

BENCHES = ("latency", "throughput", "speculation")  # of `make bench`, those with ratios
PREFIX = "times_faster_than"
ANY = "any state"  # of the machine: in records that do not tell them apart
MIXED = "no one state"  # for long enough: of several, and so not comparable


@dataclass(frozen=True, order=True)
class Ratio:
    """What a ratio is of: a bench, a place in its record, a rival, a state of the machine."""

    bench: str
    case: str
    rival: str
    state: str


@dataclass(frozen=True)
class Known:
    """A median ratio, and its relative standard error where the record has one."""

    median: float
    error: float | None = None


Ratios = dict[Ratio, Known]


@dataclass(frozen=True)
class Records:
    """What one run left, by bench."""

    name: str
    each: Mapping[str, Mapping[str, Any]]

    @property
    def ratios(self) -> Ratios:
        """Every median under a key that begins with `times_faster_than`, in each state it has.

        Raises `ValueError` where there is none.
        """
        found = {
            Ratio(bench, case, rival, state): known
            for bench, record in self.each.items()
            for case, rival, state, known in _ratios(record)
        }
        if not found:
            raise ValueError(f"{self.name}: got no ratio, want records with {PREFIX}")
        return found


def read(place: Path) -> Records:
    """A record, or the last set of those in a folder; raises `ValueError` for what is none."""
    if place.is_dir():
        return sets(place)[-1]
    record = _load(place)
    return Records(place.name, {record["bench"]: record})


def sets(folder: Path) -> list[Records]:
    """The runs whose records a folder holds, oldest first.

    A run is of one machine and one commit, and has each bench once: the next is of another, or has
    a bench again. Other files are left alone. Raises `ValueError` where there is no record.
    """
    found: list[dict[str, Any]] = []
    last = None
    files = [file for bench in BENCHES for file in folder.glob(f"**/*-{bench}.json")]
    records = [record for record in map(_load, files) if record["bench"] in BENCHES]
    for record in sorted(records, key=lambda it: str(it["date"])):
        run = record["commit"], record["machine"]
        if run != last or record["bench"] in found[-1]:
            found.append({})
            last = run
        found[-1][record["bench"]] = record
    if not found:
        raise ValueError(f"{folder}: got no record, want those of bench/harness.py")
    return [Records(_name(its), its) for its in found]


def _name(its: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(its.values()))
    return f"{first['commit']} of {first['date']} ({', '.join(its)})"


def _load(file: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        _ = (record["date"], record["bench"], record["commit"], record["machine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: got {error!r}, want a record of bench/harness.py") from error
    return record


def _ratios(record: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str, Known]]:
    """Case, rival, state and what is known of the ratio."""
    if not isinstance(record, Mapping):
        return
    for key, value in record.items():
        if not str(key).startswith(PREFIX):
            yield from _ratios(value, (*path, str(key)))
        elif isinstance(value, Mapping):
            base = str(key).removeprefix(PREFIX).strip("_")  # what a speculation bench divides by
            case = " / ".join((*path, *([base] if base else [])))
            for rival, spread in value.items():
                found = {state: spread[state] for state in STATES if state in spread}
                unseen = MIXED if "pairs" in spread else ANY
                for state, its in (found or {unseen: spread}).items():
                    known = Known(float(its["median"]), its.get("error"))
                    yield case.removeprefix("trios / "), rival, state, known
