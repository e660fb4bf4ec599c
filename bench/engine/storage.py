"""How a trio's weights are stored: what a record needs to say beside the peers' own types."""

from __future__ import annotations

from pathlib import Path

from proxyfuse.models.config import read_config
from proxyfuse.trio import Trio


def stored(folders: Trio[Path]) -> dict[str, str]:
    """By role: the type of the checkpoint, or `fp8` and what its scales are for."""
    return {role.label: _one(folder) for role, folder in folders.items()}


def _one(folder: Path) -> str:
    config = read_config(folder)
    if not config.scaling:
        return config.dtype
    return f"fp8, a scale for each {' or '.join(config.scaling)}, else {config.dtype}"
