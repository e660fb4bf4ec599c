"""log and exp against float64, in units of the last place."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample.portable import EXP_LOWEST, exp, minus_log, split


def ulps(value: Tensor, truth: Tensor) -> float:
    """The largest error, in float32's spacing at the truth."""
    size = truth.float().abs()
    spacing = torch.nextafter(size, torch.tensor(math.inf)) - size
    return float(((value.double() - truth).abs() / spacing.double()).max())


def test_log_is_within_two_ulp() -> None:
    dice = torch.Generator().manual_seed(0)
    wide = torch.exp(torch.rand(1_000_000, generator=dice, dtype=torch.float64) * 40 - 30).float()
    near_one = torch.rand(1_000_000, generator=dice) + 0.5
    x = torch.cat([wide, near_one[near_one != 1]])
    assert ulps(minus_log(*split(x)), -torch.log(x.double())) < 2


def test_log1p_of_a_small_number_keeps_its_precision() -> None:
    x = torch.exp(-torch.rand(1_000_000, generator=torch.Generator().manual_seed(1)) * 21.5 - 1.25)
    zero = torch.zeros(len(x), dtype=torch.int32)
    assert ulps(minus_log(zero, -x), -torch.log1p(-x.double())) < 2


def test_split_takes_a_number_apart_exactly() -> None:
    x = torch.exp(torch.linspace(-80, 80, 100_001))
    n, f = split(x)
    assert torch.equal(torch.ldexp(1 + f.double(), n), x.double())
    assert (f >= math.sqrt(0.5) - 1 - 1e-7).all() and (f < math.sqrt(2) - 1).all()


def test_exp_is_within_two_ulp_down_to_zero() -> None:
    x = -torch.rand(1_000_000, generator=torch.Generator().manual_seed(2)) * -EXP_LOWEST
    assert ulps(exp(x), torch.exp(x.double())) < 2
    ends = exp(torch.tensor([0.0, -0.0, EXP_LOWEST, -87.001, -1e30, -math.inf]))
    assert ends.tolist()[:2] == [1, 1]
    assert ends[2] > 0
    assert ends.tolist()[3:] == [0, 0, 0]
