"""`linear` in Triton: as accurate as the plain version, and the same bits for a row anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

pytest.importorskip("triton")
from proxyfuse_kernels.gpu.ops import TritonOps
from proxyfuse_kernels.linear import library
from proxyfuse_kernels.linear.kernel import FEW, linear
from proxyfuse_kernels.reference import ReferenceOps

PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(1, 64, 8), (3, 1, 1), (7, 333, 29), (16, 512, 65), (17, 96, 130), (70, 40, 3)]
Judge = Callable[..., None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear(
    dtype: torch.dtype, shape: tuple[int, int, int], device: str, as_accurate: Judge
) -> None:
    rows, inputs, outputs = shape
    x, weight = torch.randn(rows, inputs).to(device, dtype), torch.randn(outputs, inputs)
    weight, bias = weight.to(device, dtype), torch.randn(outputs).to(device, dtype)
    product = x.double() @ weight.double().T
    for out_type in {torch.float32, dtype}:
        plain = torch.full((rows, outputs), torch.nan, dtype=out_type, device=device)
        got = plain.clone()
        PLAIN.linear(x, weight, bias, plain)
        linear(x, weight, bias, got)
        as_accurate(got, plain, product + bias.double(), inputs)
    start = torch.randn(rows, outputs, device=device)
    plain, got = start.clone(), start.clone()
    PLAIN.linear(x, weight, None, plain, add=True)
    linear(x, weight, None, got, add=True)
    as_accurate(got, plain, start.double() + product, inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_rows_leave_their_surroundings_alone(dtype: torch.dtype, device: str) -> None:
    x = torch.full((5, 70), torch.nan, dtype=dtype, device=device)
    x[:, :37] = torch.randn(5, 37, device=device)
    weight = torch.randn(11, 37, device=device).to(dtype)
    out = torch.full((5, 20), 7.0, dtype=dtype, device=device)
    dense = torch.empty(5, 11, dtype=dtype, device=device)
    linear(x[:, :37], weight, None, out[:, 3:14])
    linear(x[:, :37].contiguous(), weight, None, dense)
    assert torch.equal(out[:, 3:14], dense)
    assert (out[:, :3] == 7).all() and (out[:, 14:] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("inputs", "outputs"), [(300, 40), (1536, 33)])
def test_few_rows_have_their_bits_in_any_company(
    dtype: torch.dtype, inputs: int, outputs: int, device: str
) -> None:
    x = torch.randn(FEW, inputs, device=device).to(dtype)
    weight = torch.randn(outputs, inputs, device=device).to(dtype)
    many = torch.empty(FEW, outputs, device=device)
    linear(x, weight, None, many)
    for picked in ([3], [15, 0], [7, 7, 7, 1, 2], list(range(FEW))[::-1]):
        some = torch.full((len(picked), outputs), torch.nan, device=device)
        linear(x[picked], weight, None, some)
        assert torch.equal(some, many[picked])


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_rows_have_the_bits_of_few(dtype: torch.dtype, device: str) -> None:
    inputs, outputs = (80, 70) if device == "cpu" else (4096, 6144)
    x = torch.randn(100, inputs, device=device).to(dtype)
    weight = torch.randn(outputs, inputs, device=device).to(dtype)
    many = torch.empty(100, outputs, device=device)
    linear(x, weight, None, many)
    for begin, end in ((0, 1), (3, 12), (5, 85), (99, 100)):
        some = torch.full((end - begin, outputs), torch.nan, device=device)
        linear(x[begin:end], weight, None, some)
        assert torch.equal(some, many[begin:end])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("biased", [False, True])
def test_the_library_computes_the_same(
    dtype: torch.dtype, biased: bool, device: str, as_accurate: Judge
) -> None:
    x = torch.randn(40, 96 + 8, device=device).to(dtype)[:, :96]
    weight = torch.randn(33, 96, device=device).to(dtype)
    bias = torch.randn(33, device=device).to(dtype) if biased else None
    exact = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    for out_type, add in {(dtype, False), (torch.float32, False), (torch.float32, True)}:
        start = torch.randn(40, 33, device=device).to(out_type)
        plain, got = start.clone(), start.clone()
        PLAIN.linear(x, weight, bias, plain, add=add)
        library.linear(x, weight, bias, got, add=add)
        as_accurate(got, plain, exact + (start.double() if add else 0), 96)


def test_many_rows_go_to_the_library_unless_one_path_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[int] = []
    monkeypatch.setattr(library, "linear", lambda x, *_, **__: called.append(len(x)))
    weight = torch.randn(8, 16)
    for ops in (TritonOps(), TritonOps(one_path=True)):
        for rows in (1, FEW, FEW + 1):
            ops.linear(torch.randn(rows, 16), weight, None, torch.empty(rows, 8))
    assert called == [FEW + 1]
