"""The host's memory, in bytes, as its own files tell it."""

from __future__ import annotations

import os
from pathlib import Path

LISTING = Path("/proc/meminfo")


def total_memory() -> int:
    """All that there is."""
    return _told("MemTotal")


def available_memory() -> int:
    """What may still be used without swapping; all that there is, where the system does not say."""
    return _told("MemAvailable")


def _told(name: str) -> int:
    for line in LISTING.read_text(encoding="ascii").splitlines() if LISTING.exists() else ():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
