"""One protocol for every bench: rivals in turn, ratios pair by pair, one JSON line last."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
STREAMED = 512 << 20  # bytes; many times any cache


@dataclass(frozen=True)
class Spread:
    """The middle of several measurements, with the extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.least:.3g} to {self.most:.3g})"


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def in_turn(
    runs: Sequence[Callable[[], object]], rounds: int, warm_up: int = 1
) -> list[list[float]]:
    """Seconds of each run in each round, A B A B: the machine's moods hit all of them alike."""
    for run in runs:
        for _ in range(warm_up):
            run()
    table = [[seconds(run) for run in runs] for _ in range(rounds)]
    return [list(column) for column in zip(*table, strict=True)]


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """How many times faster, pair by pair."""
    return Spread.of([a / b for a, b in zip(slow, fast, strict=True)])


def times_faster(columns: dict[str, list[float]], mine: str) -> dict[str, dict[str, float]]:
    """How many times faster `mine` is than each other column, pair by pair."""
    others = {way: column for way, column in columns.items() if way != mine}
    return {way: vars(ratios(column, columns[mine])) for way, column in others.items()}


def read_stream() -> Callable[[], object]:
    """A run that reads `STREAMED` bytes over all cores and writes nothing."""
    data = torch.ones(STREAMED // 4)
    return data.sum


def peak_memory() -> int:
    """The most bytes that this process has had resident."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def machine() -> dict[str, Any]:
    """What it was measured on, in words that name no host."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def save(name: str, command: str, figures: dict[str, Any]) -> Path:
    """Write results/<machine>/<date>-<commit>-<name>.json, print it as the last line."""
    about, commit = machine(), _commit()
    now = datetime.now(UTC)
    record = {
        "bench": name,
        "command": command,
        "commit": commit,
        "date": now.isoformat(timespec="seconds"),
        "machine": about,
        **figures,
    }
    folder = RESULTS / f"cpu-{about['cores']}core-{about['cpu'].split()[-1].lower()}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%d}-{commit}-{name}.json"
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record))
    return path


def _commit() -> str:
    """The short hash, with a + where files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    dirty = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
    )
    return (head.stdout.strip() or "unknown") + ("+" if dirty.stdout.strip() else "")
