"""Kernels compiled ahead of time, in a process of its own: this one interprets them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("triton")
from bench.kernels.resources import (
    COMPILED,
    KERNELS,
    MODULES,
    RECORD,
    TABLE,
    listed,
    sources,
    spilling,
    table,
    told,
)
from proxyfuse_kernels.build import Build

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hopper(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """A configuration of every kernel for one chip, compiled afresh."""
    cache = str(tmp_path_factory.mktemp("triton"))
    paths = os.pathsep.join([str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "bench.kernels.resources", "--brief", "--chip", "90"],
        env=os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": cache, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["kernels"]
    return found


def test_every_kernel_compiles_and_none_spills(hopper: list[dict[str, Any]]) -> None:
    assert hopper and not spilling(hopper)
    for entry in hopper:
        assert 0 < entry["chips"]["sm_90"]["registers"] <= 255
        assert entry["chips"]["sm_90"]["shared"] <= 227 << 10


def test_the_record_and_its_table_are_of_these_kernels() -> None:
    """Under each of two versions of triton or more."""
    record = json.loads(RECORD.read_text())
    wanted = [told(module, build) for module, build in listed(MODULES)]
    assert min(record) < max(record)
    again = "run `python -m bench.kernels.resources --write` under triton"
    for version, one in record.items():
        recorded = one["kernels"]
        assert [{name: entry[name] for name in wanted[0]} for entry in recorded] == wanted
        assert not spilling(recorded)
        assert one["sources"] == sources(), f"kernels have changed since: {again} {version}"
    assert TABLE.read_text() == table(record)


def test_an_edited_kernel_is_noticed_and_an_edited_reference_is_not(tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    shutil.copytree(KERNELS, kernels, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    assert sources(kernels) == sources()
    for name, noticed in (("reference.py", False), ("jit/attend.py", True), ("kernel.py", True)):
        before, path = sources(kernels), kernels / "paged_attention" / name
        path.write_text(path.read_text() + "\n# another\n")
        assert (sources(kernels) != before) == noticed, name


def test_the_sources_of_every_kernel_are_among_those_that_are_hashed() -> None:
    for module in MODULES:
        for path in (Path(str(module.__file__)), *map(source_of, module.builds())):
            assert COMPILED.search(path.read_text()), path


def test_a_spill_is_found() -> None:
    took = {"registers": 255, "shared": 0, "stack": 8}
    entry = {"op": "x", "kernel": "y", "name": "z", "chips": {"sm_80": took}}
    assert spilling([entry]) == ["x/y, z: 8 bytes on sm_80"]
    took["stack"] = 0
    assert not spilling([entry])


def source_of(build: Build) -> Path:
    """The file that has the function."""
    return Path(build.kernel.fn.__code__.co_filename)
