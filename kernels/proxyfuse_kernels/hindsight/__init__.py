"""What the fused row had over the drawing model's when a token was last read: drafts by it agree
more often, and a draft may be anything.

Base and antiexpert differ in ways that come again with the token that was read last. So what
verification finds, `fused - drawn`, is kept by that token, and added to the drawing model's logits
when a draft is to be drawn after the same token. Nothing that is kept of a text is read by another.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SLOTS = 128  # tokens remembered at once; a token's slot is its id modulo this
STRETCH = 1024  # columns that have tags of their own, so that no stretch waits for another
TRUST = 0.8  # of what was found comes in
NEWS = 0.5  # weight of what is found beside what is kept


@dataclass(frozen=True, slots=True)
class Hindsight:
    """`SLOTS` rows, and whose they are: of a text, by number, and of a token."""

    values: Tensor  # [M, V] float32
    tags: Tensor  # [stretches, M, 2] int32: text, token; text 0 is nobody's

    @classmethod
    def allocate(cls, vocab: int, device: torch.device | str = "cpu") -> Hindsight:
        """Room for rows of so many columns; nothing is remembered."""
        stretches = -(-vocab // STRETCH)
        return cls(
            values=torch.empty(SLOTS, vocab, device=device),
            tags=torch.zeros(stretches, SLOTS, 2, dtype=torch.int32, device=device),
        )
