"""Steps that remember and recall, for every version of the two operations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from proxyfuse_kernels.hindsight import SLOTS, Hindsight
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.reference import ReferenceOps

WIDTHS = [1, 37, 1024, 2500]
STEPS = [(1, [5]), (1, [5, 5, 7]), (1, [5 + SLOTS, 5]), (2, [7, 5, 7]), (1, [7])]  # text, tokens
Run = Callable[[Callable[[Ops], object]], object]
PLAIN = ReferenceOps()


def padded(rows: int, width: int, device: str) -> Tensor:
    """Random rows of wider ones, whose other columns are NaN."""
    whole = torch.full((rows, width + 3), torch.nan, device=device)
    whole[:, :width] = torch.randn(rows, width, device=device) * 4
    return whole


def judge(width: int, run: Run, device: str = "cpu") -> None:
    """After every step, all that is remembered and recalled is the plain version's, to the bit."""
    got, want = (Hindsight.allocate(width, device) for _ in range(2))
    for memory in (got, want):
        memory.values.fill_(torch.nan)  # which nobody may read
    for text, tokens in STEPS:
        step = Step(text, tokens, width, device)
        found, expected = step.through(run, got), step.through(_at_once, want)
        assert torch.equal(found, expected)
        assert torch.equal(got.tags, want.tags)
        torch.testing.assert_close(got.values, want.values, rtol=0, atol=0, equal_nan=True)


class Step:
    """Rows that are remembered, and others that the same tokens are then recalled for."""

    def __init__(self, text: int, tokens: list[int], width: int, device: str) -> None:
        self.text = torch.tensor([text], dtype=torch.int32, device=device)
        self.ids = torch.tensor([0, *tokens], dtype=torch.int32, device=device)
        self.rows = torch.arange(1, len(self.ids), dtype=torch.int32, device=device)
        self.logits = [padded(len(tokens), width, device) for _ in range(3)]
        self.alpha = torch.randn(len(tokens), device=device)
        self.own = padded(len(tokens), width, device)

    def through(self, run: Run, memory: Hindsight) -> Tensor:
        """What is recalled, once the rows are remembered."""
        out = torch.full((len(self.rows), memory.values.shape[1]), torch.nan)
        out = out.to(memory.values.device)
        whose = self.ids, self.rows, self.text
        run(lambda ops: ops.remember(self.logits, self.alpha, self.logits[1], *whose, memory))
        run(lambda ops: ops.recall(self.own, *whose, memory, out))
        return out


def _at_once(write: Callable[[Ops], object]) -> None:
    write(PLAIN)
