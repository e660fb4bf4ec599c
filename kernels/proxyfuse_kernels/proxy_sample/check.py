"""What logits must be."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def check(logits: Sequence[Tensor], vocab: int) -> None:
    """Raise `ValueError` unless the logits are what `proxy_sample` takes."""
    if len(logits) not in (1, 3):
        raise ValueError(f"logits: got {len(logits)} roles, want the base alone or all three")
    shapes = [x.shape for x in logits]
    for shape in shapes:
        if len(shape) != 2 or shape[1] < vocab:
            raise ValueError(f"logits: got {shapes}, want [rows, at least vocab={vocab}]")
    rows = [shape[0] for shape in shapes]
    if rows[1:2] != rows[2:] or rows[-1] > rows[0]:
        raise ValueError(f"logits: got {rows} rows, want base >= expert == antiexpert")
