"""How every version of an operation is judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def as_accurate() -> Callable[..., None]:
    """as_accurate(got, plain, exact): at most twice the plain version's error, or one rounding.

    terms: of a float32 sum, whose roundings walk at random. A plain version's sums are a library's,
    which on some processors adds up in so many parts that it hardly rounds: its error alone would
    judge by the machine.
    """

    def check(got: Tensor, plain: Tensor, exact: Tensor, terms: int = 1) -> None:
        assert got.dtype == plain.dtype and exact.dtype == torch.float64
        error = (got.double() - exact).abs().max()  # NaN where anything is
        allowed = (plain.double() - exact).abs().max()
        walk = torch.finfo(torch.float32).eps * terms**0.5
        rounding = max(torch.finfo(got.dtype).eps, walk) / 2 * exact.abs().max()
        assert error <= 2 * torch.maximum(allowed, rounding), (error, allowed, rounding)

    return check
