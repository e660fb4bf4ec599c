"""The CUDA C++ sampler compiled ahead of time, for chips that need not be there."""

from __future__ import annotations

import json
import shutil

import pytest

from bench.kernels.cuda_resources import (
    CHIPS,
    RECORD,
    STORAGE,
    TABLE,
    Entry,
    defects,
    measure,
    table,
)

NAMES = {f"{storage}{filters}" for storage in STORAGE for filters in ("", ", filters")}


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
def test_every_kernel_compiles_none_spills_and_nothing_is_contracted() -> None:
    record = measure(["90a"])
    assert not defects(record)
    hopper = record["kernels"]["sm_90a"]
    assert hopper.keys() == NAMES
    for name, took in hopper.items():
        assert took["kind"] == "clustered"
        assert took["registers"] <= (128 if "filters" in name else 64)


def test_the_record_and_its_table_are_of_these_kernels() -> None:
    record = json.loads(RECORD.read_text())
    assert list(record["kernels"]) == [f"sm_{chip}" for chip in CHIPS]
    assert all(kernels.keys() == NAMES for kernels in record["kernels"].values())
    assert not defects(record)
    assert TABLE.read_text() == table(record)


def test_defects_are_found() -> None:
    took = {"kind": "clustered", "registers": 64, "stack": 8, "spilled": 4}
    record: Entry = {"kernels": {"sm_80": {"x": took}}, "contracted": ["fma.rn.f32"]}
    assert defects(record) == [
        "x on sm_80: 8 bytes of stack, 4 spilled",
        "contracted: fma.rn.f32",
    ]
