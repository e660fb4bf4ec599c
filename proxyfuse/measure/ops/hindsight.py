"""`remember` and `recall`: what a verification teaches of drafts, and a draft that is helped."""

from __future__ import annotations

import torch

from proxyfuse.measure.ops.case import Buffers, Case, Place, noise, unwritten
from proxyfuse.measure.ops.rows import row_case
from proxyfuse_kernels.hindsight import SLOTS, Hindsight

ROLES = ("base", "expert", "anti")


def remember_case(place: Place, rows: int, vocab: int) -> Case:
    """`rows` rows of logits of three models, each of another token."""
    return row_case(
        place,
        "remember",
        {"rows": rows, "vocab": vocab},
        5 * rows * vocab * 4,
        lambda: _buffers(place, rows, vocab),
        lambda ops, b: ops.remember(
            [b[role] for role in ROLES], b["alpha"], b["expert"], *_asked(b), _hindsight(b)
        ),
        shared=("values", "tags"),
        read=lambda b: b["values"],
    )


def recall_case(place: Place, rows: int, vocab: int) -> Case:
    """`rows` rows of logits, all of tokens that are remembered."""

    def make() -> Buffers:
        buffers = _buffers(place, rows, vocab)
        slots = torch.arange(SLOTS, dtype=torch.int32, device=place.device)
        buffers["tags"][:, :, 0], buffers["tags"][:, :, 1] = buffers["text"], slots
        return buffers | {"out": unwritten(rows, vocab, dtype=torch.float32, device=place.device)}

    return row_case(
        place,
        "recall",
        {"rows": rows, "vocab": vocab},
        3 * rows * vocab * 4,
        make,
        lambda ops, b: ops.recall(b["expert"], *_asked(b), _hindsight(b), b["out"]),
        shared=("out",),
    )


def _buffers(place: Place, rows: int, vocab: int) -> Buffers:
    device, kind = place.device, torch.float32
    logits = {role: noise(rows, vocab, dtype=kind, device=device) for role in ROLES}
    hindsight = Hindsight.allocate(vocab, device)
    return logits | {
        "alpha": noise(rows, dtype=kind, device=device),
        "ids": torch.arange(rows, dtype=torch.int32, device=device) % SLOTS,
        "rows": torch.arange(rows, dtype=torch.int32, device=device),
        "text": torch.ones(1, dtype=torch.int32, device=device),
        "values": noise(SLOTS, vocab, dtype=kind, device=device),
        "tags": hindsight.tags,
    }


def _asked(buffers: Buffers) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return buffers["ids"], buffers["rows"], buffers["text"]


def _hindsight(buffers: Buffers) -> Hindsight:
    return Hindsight(buffers["values"], buffers["tags"])
