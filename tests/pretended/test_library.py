"""`linear` by the library: its products run in place on a GPU alone. Against its plain version."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from proxyfuse_kernels.linear import library
from proxyfuse_kernels.linear.reference import linear

ROWS, INPUTS, OUTPUTS, TAIL = 20, 24, 40, 16
KINDS = (torch.float32, torch.bfloat16, torch.float16)


@pytest.mark.parametrize(("dtype", "add", "biased"), product(KINDS, (False, True), (False, True)))
def test_what_is_added_or_written_in_place(dtype: torch.dtype, add: bool, biased: bool) -> None:
    noise = torch.Generator().manual_seed(0)

    def drawn(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=noise)

    x, weight = drawn(ROWS, INPUTS + TAIL).to(dtype), drawn(OUTPUTS, INPUTS).to(dtype)
    bias = drawn(OUTPUTS).to(dtype) if biased else None
    start = drawn(ROWS, OUTPUTS + TAIL)  # rows of both are strided
    want, got = start.clone(), start.cuda()
    linear(x[:, :INPUTS], weight, bias, want[:, :OUTPUTS], add=add)
    there = None if bias is None else bias.cuda()
    library.linear(x.cuda()[:, :INPUTS], weight.cuda(), there, got[:, :OUTPUTS], add=add)
    torch.testing.assert_close(got.cpu(), want, rtol=1e-5, atol=2e-5)
    assert torch.equal(got[:, OUTPUTS:].cpu(), start[:, OUTPUTS:])
