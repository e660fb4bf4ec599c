"""`linear` over weights of 8 bits on a GPU: both paths against the reference and float64."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch

pytest.importorskip("triton")
from proxyfuse_kernels.gpu.ops import SOME, TritonOps
from proxyfuse_kernels.linear_fp8 import kernel, library
from proxyfuse_kernels.linear_fp8.reference import linear_fp8
from proxyfuse_kernels.quantised import Quantised, quantise

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(1, 64, 8), (3, 1, 1), (7, 333, 29), (16, 512, 65), (17, 96, 130)]
Judge = Callable[..., None]


def test_every_number_of_e4m3_is_widened_exactly(device: str) -> None:
    bits = torch.arange(256, dtype=torch.uint8)
    bits = bits[bits & 0x7F != 0x7F].to(device)  # but NaN, which no weight becomes
    values = bits.view(torch.float8_e4m3fn)[:, None]
    for dtype in DTYPES:
        out = torch.empty(1, 254, device=device)
        one, scales = torch.ones(1, 1, dtype=dtype, device=device), torch.ones(254, device=device)
        kernel.linear_fp8(one, Quantised(values, scales), None, out)
        assert torch.equal(out[0], values[:, 0].float())


@pytest.mark.parametrize("path", [kernel, library])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_fp8(
    path: ModuleType,
    dtype: torch.dtype,
    shape: tuple[int, int, int],
    device: str,
    as_accurate: Judge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library, "STRIPE", 3000)  # several stripes, the last one ragged
    rows, inputs, outputs = shape
    x = torch.randn(rows, inputs + 3, device=device).to(dtype)[:, :-3]
    weight = quantise(torch.randn(outputs, inputs, device=device) * 0.1)
    bias = torch.randn(outputs, device=device).to(dtype)
    product = x.double() @ (weight.values.double() * weight.scales.double()[:, None]).T
    for out_type, add in {(dtype, False), (torch.float32, False), (torch.float32, True)}:
        for offset in (bias, None):
            start = torch.randn(rows, outputs, device=device).to(out_type)
            plain, got = start.clone(), start.clone()
            linear_fp8(x, weight, offset, plain, add=add)
            path.linear_fp8(x, weight, offset, got, add=add)
            exact = product + (0 if offset is None else bias.double())
            as_accurate(got, plain, exact + (start.double() if add else 0), inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_has_its_bits_in_any_company(dtype: torch.dtype, device: str) -> None:
    x = torch.randn(40, 80, device=device).to(dtype)
    weight = quantise(torch.randn(70, 80, device=device))
    many = torch.empty(40, 70, device=device)
    kernel.linear_fp8(x, weight, None, many)
    for begin, end in ((0, 1), (3, 12), (5, 25), (39, 40)):
        some = torch.full((end - begin, 70), torch.nan, device=device)
        kernel.linear_fp8(x[begin:end], weight, None, some)
        assert torch.equal(some, many[begin:end])


def test_more_rows_than_a_tile_go_to_the_library_unless_one_path_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[int] = []
    monkeypatch.setattr(library, "linear_fp8", lambda x, *_, **__: called.append(len(x)))
    weight = quantise(torch.randn(8, 16))
    for ops in (TritonOps(), TritonOps(one_path=True)):
        for rows in (1, SOME, SOME + 1):
            ops.linear(torch.randn(rows, 16), weight, None, torch.empty(rows, 8))
    assert called == [SOME + 1]
