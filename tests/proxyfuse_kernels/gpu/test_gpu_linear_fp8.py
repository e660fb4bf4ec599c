"""`linear_fp8`: the bound of its weights, and the kernel against the reference and float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from proxyfuse_kernels.linear_fp8 import reference
from proxyfuse_kernels.linear_fp8.reference import LEAST, STEP, quantise

kernel = pytest.importorskip("proxyfuse_kernels.linear_fp8.kernel")
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(1, 64, 8), (3, 1, 1), (7, 333, 29), (16, 512, 65), (17, 96, 130)]
Judge = Callable[..., None]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_weight_is_off_by_half_a_unit_at_most(dtype: torch.dtype) -> None:
    weight = (torch.randn(40, 3000) * torch.logspace(-6, 2, 40)[:, None]).to(dtype)
    weight[3] = 0
    weight[4, 1:] *= 2**-12  # all but one lie where e4m3 is coarse, or nothing
    packed, scales = quantise(weight)
    assert packed.dtype == torch.float8_e4m3fn and scales.dtype == torch.float32
    error = (packed.double() * scales.double()[:, None] - weight.double()).abs()
    bound = torch.maximum(STEP * weight.double().abs(), LEAST * scales.double()[:, None])
    assert (error <= bound * (1 + 2**-20)).all()
    assert (error > 0.9 * bound).any(), "the bound is met: a tighter one would be wrong"


def test_what_is_not_finite_is_refused() -> None:
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="not finite"):
            quantise(torch.tensor([[1.0, bad]]))


def test_every_number_of_e4m3_is_widened_exactly(device: str) -> None:
    bits = torch.arange(256, dtype=torch.uint8)
    bits = bits[bits & 0x7F != 0x7F].to(device)  # but NaN, which no weight becomes
    weight = bits.view(torch.float8_e4m3fn)[:, None]
    for dtype in DTYPES:
        out = torch.empty(1, 254, device=device)
        one, scales = torch.ones(1, 1, dtype=dtype, device=device), torch.ones(254, device=device)
        kernel.linear_fp8(one, weight, scales, None, out)
        assert torch.equal(out[0], weight[:, 0].float())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_fp8(
    dtype: torch.dtype, shape: tuple[int, int, int], device: str, as_accurate: Judge
) -> None:
    rows, inputs, outputs = shape
    x = torch.randn(rows, inputs + 3, device=device).to(dtype)[:, :-3]
    weight, scales = quantise(torch.randn(outputs, inputs, device=device) * 0.1)
    bias = torch.randn(outputs, device=device).to(dtype)
    product = x.double() @ (weight.double() * scales.double()[:, None]).T
    for out_type, add in {(dtype, False), (torch.float32, False), (torch.float32, True)}:
        start = torch.randn(rows, outputs, device=device).to(out_type)
        plain, got = start.clone(), start.clone()
        reference.linear_fp8(x, weight, scales, bias, plain, add=add)
        kernel.linear_fp8(x, weight, scales, bias, got, add=add)
        exact = product + bias.double() + (start.double() if add else 0)
        as_accurate(got, plain, exact, inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_has_its_bits_in_any_company(dtype: torch.dtype, device: str) -> None:
    x = torch.randn(40, 80, device=device).to(dtype)
    weight, scales = quantise(torch.randn(70, 80, device=device))
    many = torch.empty(40, 70, device=device)
    kernel.linear_fp8(x, weight, scales, None, many)
    for begin, end in ((0, 1), (3, 12), (5, 25), (39, 40)):
        some = torch.full((end - begin, 70), torch.nan, device=device)
        kernel.linear_fp8(x[begin:end], weight, scales, None, some)
        assert torch.equal(some, many[begin:end])
