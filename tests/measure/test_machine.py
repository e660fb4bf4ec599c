"""A machine is described by what it is, and a peak is a peak."""

from __future__ import annotations

from pathlib import Path

import torch

from proxyfuse.measure import gpu_bytes, machine, machine_name, peak_memory


def test_a_machine_is_described() -> None:
    about = machine()
    assert about["cores"] >= 1 and about["memory_gib"] >= 1 and about["cpu"]
    assert about["torch"] == torch.__version__
    assert ("gpu" in about) == torch.cuda.is_available()
    assert gpu_bytes("cpu") == 0


def test_a_folder_is_named_after_what_was_measured() -> None:
    cpu = {"cpu": "AMD EPYC", "cores": 2}
    assert machine_name(cpu) == "cpu-2core-epyc"
    assert machine_name(cpu | {"cpu": "Intel(R) Xeon(R) Processor"}) == "cpu-2core-xeon"
    assert machine_name(cpu | {"cpu": "Processor"}) == "cpu-2core-processor"
    assert machine_name(cpu | {"gpu": "NVIDIA H200"}) == "gpu-nvidia-h200"


def resident() -> int:
    (line,) = (it for it in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in it)
    return int(line.split()[1]) << 10


def test_a_peak_stays_when_what_made_it_has_gone() -> None:
    before = peak_memory()
    room = before - resident()
    big = torch.ones(max(room, 0) + (192 << 20), dtype=torch.uint8)  # idle pages may go meanwhile
    grown = peak_memory()
    assert grown > before + (48 << 20)
    del big
    assert peak_memory() > grown - (1 << 20)  # the kernel's own count lags by some pages
