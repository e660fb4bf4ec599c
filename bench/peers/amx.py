"""Whether llama.cpp may pack weights for this processor."""

from __future__ import annotations

from pathlib import Path

WHY = (
    "llama.cpp with weights packed for AMX: its products end the process here"
    " (ggml-org/llama.cpp#20824)"
)


def has_amx(listing: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether it is one of those that multiply in tiles, for which ggml has products of its own."""
    return listing.exists() and "amx_tile" in listing.read_text(encoding="utf-8").split()
