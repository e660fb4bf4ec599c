"""What `recall` and `remember` mean, said without them."""

from __future__ import annotations

import torch

from proxyfuse_kernels.hindsight import NEWS, SLOTS, TRUST, Hindsight
from proxyfuse_kernels.reference import ReferenceOps

OPS = ReferenceOps()
WIDTH = 2500


def ints(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int32)


def recalled(memory: Hindsight, text: int, token: int) -> torch.Tensor:
    out = torch.full((1, WIDTH), torch.nan)
    OPS.recall(torch.zeros(1, WIDTH), ints(token), ints(0), ints(text), memory, out)
    return out[0]


def test_what_is_recalled_is_what_the_fused_row_had_over_the_drawing_models() -> None:
    memory = Hindsight.allocate(WIDTH)
    memory.values.fill_(torch.nan)  # nothing that was not remembered is read
    base, expert, anti = (torch.randn(2, WIDTH) for _ in range(3))
    alpha = torch.tensor([0.5, -1.5])
    OPS.remember((base, expert, anti), alpha, expert, ints(9, 4, 9), ints(1, 2), ints(7), memory)
    over = base + alpha[:, None] * (expert - anti) - expert
    assert torch.allclose(recalled(memory, 7, 4), TRUST * over[0], atol=1e-5)
    assert torch.allclose(recalled(memory, 7, 9), TRUST * over[1], atol=1e-5)
    for text, token in ((7, 5), (8, 4), (7, 4 + SLOTS)):
        assert not recalled(memory, text, token).any()

    OPS.remember((expert, anti, base), alpha, base, ints(4), ints(0), ints(7), memory)
    again = (expert + alpha[0] * (anti - base) - base)[0]
    mixed = over[0] + NEWS * (again - over[0])
    assert torch.allclose(recalled(memory, 7, 4), TRUST * mixed, atol=1e-5)

    OPS.remember((base, base, base), alpha, expert, ints(4 + SLOTS), ints(0), ints(7), memory)
    assert not recalled(memory, 7, 4).any()


def test_a_model_that_is_always_off_by_the_same_is_put_right() -> None:
    memory, off, out = Hindsight.allocate(WIDTH), torch.randn(WIDTH), torch.empty(1, WIDTH)
    for _ in range(12):
        drawn = torch.randn(1, WIDTH)
        zeros = torch.zeros(1, WIDTH)
        OPS.remember(
            (drawn + off, drawn, drawn), torch.ones(1), drawn, ints(3), ints(0), ints(1), memory
        )
        OPS.recall(zeros, ints(3), ints(0), ints(1), memory, out)
        assert torch.allclose(out[0], TRUST * off, atol=1e-5)
