"""How much memory there is, and how it is shared out; said before anything is loaded."""

from __future__ import annotations

import gc
from pathlib import Path

import torch

from proxyfuse.cache.geometry import Geometry
from proxyfuse.config import EngineConfig
from proxyfuse.errors import MemoryBudgetError
from proxyfuse.host import available_memory
from proxyfuse.trio import Trio

CPU_SHARE = 0.25  # of what the weights leave free goes to the KV arena by default on a CPU
CPU_MOST = 4 << 30  # bytes; pages are touched only once used, but all of them may come to be
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
CGROUP_USES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


def free_bytes(device: torch.device, share: float) -> int:
    """Bytes that may still be used: a GPU's `share`, or what host and container leave.

    What torch keeps of a GPU for later, of an engine that was closed say, is given back first.
    """
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
        free, total = torch.cuda.mem_get_info(device)
        return int(free - total * (1 - share))
    free = available_memory()
    limit, used = _first_number(CGROUP_LIMITS), _first_number(CGROUP_USES)
    if limit is not None and used is not None:
        free = min(free, limit - used)
    return free


def _first_number(files: tuple[str, ...]) -> int | None:
    for name in files:
        try:
            return int(Path(name).read_text(encoding="ascii"))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None


def share_out(
    config: EngineConfig,
    geometry: Geometry,
    weights: Trio[int],
    longest: int,
    free: int,
    device: torch.device,
    buffers: int = 0,
) -> int:
    """How many pages the arena gets.

    `weights` are bytes still to be loaded, `free` bytes that may be used, `buffers` those that
    will be needed beside weights and pages. Raises
    `MemoryBudgetError` where weights and the smallest useful arena (one token in each lane) do not
    fit, with the numbers.
    """
    need = sum(weights.values()) + buffers
    least = len(weights) * geometry.page_bytes
    asked = config.kv_cache_bytes
    arena = least if asked is None else asked
    if asked is not None and asked < least:
        raise MemoryBudgetError(
            f"kv_cache_bytes: got {asked}, want at least {least}: one page of"
            f" {geometry.page_bytes} bytes for each of {len(weights)} models"
        )
    if need + arena > free:
        parts = ", ".join(f"{role.label} {gib(size)}" for role, size in weights.items())
        raise MemoryBudgetError(
            f"the models do not fit: weights need {gib(need - buffers)} ({parts}), the KV arena"
            f" {gib(arena)}{f', buffers {gib(buffers)}' * bool(buffers)}; free are {gib(free)}"
        )
    if asked is None:
        arena = max(least, min(_most(config, geometry, longest), _spare(device, free - need)))
    return geometry.pages_in(arena)


def _most(config: EngineConfig, geometry: Geometry, longest: int) -> int:
    """Bytes with which every sequence could grow to the full context."""
    pages = sum(geometry.pages_for(role, longest) for role in geometry.slots)
    return config.max_num_seqs * pages * geometry.page_bytes


def _spare(device: torch.device, left: int) -> int:
    """What of the bytes left the arena may have: of a GPU's all, of a host's a share."""
    if device.type == "cuda":
        return left
    return min(CPU_MOST, int(left * CPU_SHARE))


def gib(size: int) -> str:
    """A number of bytes as people read it."""
    return f"{size / 2**30:.2f} GiB" if size >= 1 << 29 else f"{size / 2**20:.1f} MiB"
