"""Whether expert and antiexpert can run as one, and what is said where they cannot."""

from __future__ import annotations

from pathlib import Path

from proxyfuse.config import EngineConfig
from proxyfuse.errors import ConfigError
from proxyfuse.models.config import ModelConfig
from proxyfuse.models.pair import difference
from proxyfuse.trio import PROXIES, Trio


def paired(
    config: EngineConfig,
    folders: Trio[Path],
    models: Trio[ModelConfig],
    seeds: Trio[int | None],
    beside: bool,
) -> bool:
    """Whether weights of both are to lie side by side.

    seeds: what dummy weights are drawn from. beside: whether a device computes beside the host.
    Raises `ConfigError` where "grouped" was asked for and cannot be.
    """
    if config.proxies == "streams":
        return False
    why = _obstacle(folders, models, seeds, beside)
    if why is not None and config.proxies == "grouped":
        raise ConfigError(f"proxies: got 'grouped' {why}, want 'streams' or 'auto'")
    return why is None


def _obstacle(
    folders: Trio[Path], models: Trio[ModelConfig], seeds: Trio[int | None], beside: bool
) -> str | None:
    if len(models) == 1:
        return "for a base alone"
    if not beside:
        return "where the host computes itself"
    found = difference(
        [folders[role] for role in PROXIES],
        [models[role] for role in PROXIES],
        [seeds[role] for role in PROXIES],
    )
    return None if found is None else f"for an expert and an antiexpert that differ in {found}"
