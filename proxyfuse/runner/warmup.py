"""Which steps are made ready while loading, so that none has to be in traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proxyfuse.runner.padding import EARLY
from proxyfuse.sampling import SamplingParams
from proxyfuse.trio import Role

MOST = 96  # steps
SECONDS = 60.0  # of captures, after which none is begun; those that are left run eagerly
PROMPTS = (1, 37, 2048)  # tokens of prompts that are read for what is compiled on demand
# Rows that are drawn for the same end: the sampler is compiled with and without what is reported,
# and with and without what is chosen from or given, and for nothing else that can be asked.
ASKED = (
    SamplingParams(logprobs=0),
    SamplingParams(allowed_token_ids=[0]),
    SamplingParams(logprobs=0, allowed_token_ids=[0]),
)


class Shape(NamedTuple):
    """A regular step: how many sequences, and how far each of them drafts."""

    size: int
    roles: tuple[Role, ...]
    drafts: int = 0
    drawer: Role | None = Role.EXPERT  # None: the drafts stood in the text before


def shapes(sizes: Sequence[int], drafts: Sequence[int], roles: tuple[Role, ...]) -> list[Shape]:
    """What decoding meets, most wanted first: no drafts, then the smallest batches with drafts.

    Of each kind the largest come first, so that the smaller ones find their memory.
    """
    longest = sorted(drafts, reverse=True)
    found = [Shape(size, roles) for size in reversed(sizes)]
    if len(roles) == 1:
        return [*found, *(Shape(1, roles, count, None) for count in longest)]
    found += [Shape(1, roles, count) for count in longest]
    found += [Shape(size, (Role.BASE,)) for size in reversed(sizes) if size in EARLY]
    found += [Shape(1, roles, count, Role.ANTIEXPERT) for count in longest]
    found += [Shape(size, roles, count) for size in sizes if size > 1 for count in longest]
    return found
