"""The CUDA sampler's threads never race: ThreadSanitizer watches each of the emulated ones."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.csrc.cuda.conftest import HERE, ROOT, compiled

BARRIER = re.compile(r"__syncthreads\(\)|\.sync\(\)")
BARRIERS = [
    f"{path.name}:{number}"
    for path in sorted((ROOT / "csrc/cuda").glob("*.cu*"))
    for number, line in enumerate(path.read_text().splitlines(), start=1)
    if BARRIER.search(line)
]


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("race") / "race"
    # as a call, which is watched, whatever its length
    watched = ["-fsanitize=thread", "-Wno-tsan", "-fno-builtin-memcpy"]
    return compiled(HERE / "race.cpp", out, ["-O1", "-g1", *watched])


def run(race: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([race, *words], capture_output=True, text=True)


def test_no_threads_race(race: Path) -> None:
    done = run(race)
    assert done.returncode == 0, done.stdout + done.stderr[:4000]


@pytest.mark.parametrize("barrier", BARRIERS)
def test_every_barrier_is_missed_where_it_is_left_out(race: Path, barrier: str) -> None:
    done = run(race, barrier)
    assert done.returncode != 0, f"nobody misses {barrier}"
    assert re.search("ThreadSanitizer: data race|^emulation: ", done.stderr), done.stderr[:4000]


def test_all_barriers_are_found() -> None:
    assert len(BARRIERS) >= 6
