"""What a step sends down: every array of it, in one buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from proxyfuse.runner.ahead import ahead_fields
from proxyfuse.runner.device import Device
from proxyfuse.runner.drafts import draft_fields
from proxyfuse.runner.joined import joined_fields, name_tables
from proxyfuse.runner.remembered import remembered_fields
from proxyfuse.runner.rows import row_fields
from proxyfuse.runner.sampler_rows import sampler_fields
from proxyfuse.runner.staging import Staging
from proxyfuse.trio import Role, Trio

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The most that one step may hold; buffers are made for it once."""

    rows: int  # of one role's forward
    samples: int  # rows of the sampler
    sequences: int  # running at once
    tokens: int  # of the longest lane
    drafts: int  # of one sequence


def step_staging(
    slots: Trio[int], capacity: Capacity, device: Device | None, paired: bool
) -> Staging:
    """Its arrays, each role's under names that begin with the role's.

    paired: the proxies' page tables lie one behind the other.
    """
    fields = {**sampler_fields(capacity.samples), **remembered_fields()}
    for role, size in slots.items():
        pages = -(-capacity.tokens // size)
        own = row_fields(capacity.rows, capacity.sequences, pages, capacity.samples)
        fields |= {f"{role.label}.{name}": field for name, field in own.items()}
    sizes = (capacity.rows, capacity.samples, capacity.sequences, capacity.drafts)
    fields |= ahead_fields(*sizes, slots.roles)
    fields |= draft_fields(capacity.drafts, capacity.sequences, max(len(slots) - 1, 1))
    if not paired:
        return Staging(fields, device)
    staging = Staging(joined_fields(fields), device)
    name_tables(staging)
    return staging


def part_of(arrays: Mapping[str, T], role: Role) -> dict[str, T]:
    """One role's arrays under their own names."""
    prefix = f"{role.label}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
