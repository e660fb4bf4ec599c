"""What a record keeps of engines that draft so far ahead, and of the base alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.engine.reads import Beside, Pairs, Reader, by_state
from proxyfuse import Metrics
from proxyfuse.measure import Spread

Column = Sequence[tuple[float, Beside]]  # seconds a token, and what was seen beside them

BASE = "base alone"
SLOW = {"0": "times_faster_than_no_drafts", BASE: "times_faster_than_base_alone"}


def pairs(columns: Mapping[str, Column], slow: str, reader: Reader) -> dict[str, Pairs]:
    """How many times faster than `slow` every other is, round by round."""
    found = {}
    for name, column in columns.items():
        if name != slow:
            both = list(zip(columns[slow], column, strict=True))
            found[name] = Pairs(
                [theirs / own for (theirs, _), (own, _) in both],
                [(reader.state(theirs), reader.state(own)) for (_, theirs), (_, own) in both],
            )
    return found


def figures(
    drafting: Mapping[str, Metrics], columns: Mapping[str, Column], reader: Reader
) -> dict[str, Any]:
    """What a record keeps of one setting."""
    each = {name: [1e3 * per_token for per_token, _ in column] for name, column in columns.items()}
    faster = {
        key: {name: by_state(its) for name, its in pairs(columns, slow, reader).items()}
        for slow, key in SLOW.items()
    }
    return {
        "ms_per_token": {name: vars(Spread.of(column)) for name, column in each.items()},
        "tokens_per_base_pass": {name: it.tokens_per_base_pass for name, it in drafting.items()},
        "acceptance": {name: it.acceptance for name, it in drafting.items()},
        **faster,
        "rounds": {
            name: {
                "ms": [float(f"{value:.4g}") for value in own],
                "read_ms": [float(f"{1e3 * beside.read:.4g}") for _, beside in columns[name]],
                "others": [round(beside.others, 2) for _, beside in columns[name]],
            }
            for name, own in each.items()
        },
    }
