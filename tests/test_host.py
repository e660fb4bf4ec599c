"""Memory as the kernel counts it, and as physical pages where there are no such files."""

import os
from pathlib import Path

import pytest

from proxyfuse import host

PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_all_of_it_is_what_the_kernel_counts_in_pages() -> None:
    assert host.total_memory() == PHYSICAL
    assert 0 < host.available_memory() < PHYSICAL


def test_units_are_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:  2000 kB\nMemFree:  1 kB\nMemAvailable:  1000 kB\n")
    monkeypatch.setattr(host, "LISTING", file)
    assert (host.total_memory(), host.available_memory()) == (2000 * 1024, 1000 * 1024)


def test_where_nothing_is_told_there_are_still_pages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "LISTING", tmp_path / "absent")
    assert host.total_memory() == host.available_memory() == PHYSICAL
