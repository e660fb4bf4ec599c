"""`linear` over weights of 8 bits on the CPU: accurate, and the same bits for a row anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from proxyfuse_kernels.cpu import CpuOps, Tape
from proxyfuse_kernels.quantised import Quantised, quantise
from proxyfuse_kernels.reference import ReferenceOps

pytest.importorskip("proxyfuse_kernels._cpu")
PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(1, 64, 8), (3, 1, 1), (7, 333, 29), (64, 96, 65), (13, 4096, 5), (2, 31, 40)]
FINITE = torch.tensor([bits for bits in range(256) if bits & 0x7F != 0x7F], dtype=torch.uint8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 9, 30])
def test_every_number_of_e4m3_is_widened_exactly(
    isa: str, dtype: torch.dtype, rows: int, run: Callable[..., None]
) -> None:
    """At each place of a register and past its end, one row alone and more than a tile has."""
    values = FINITE.view(torch.float8_e4m3fn)
    weight = Quantised(values.repeat(70, 1).T.contiguous(), torch.ones(254))
    out = torch.empty(70, 254)
    for begin in range(0, 70, rows):
        x = torch.eye(70, dtype=dtype)[begin : begin + rows]
        run(isa, lambda ops, x=x, at=begin: ops.linear(x, weight, None, out[at : at + len(x)]))
    assert torch.equal(out, values.float().expand(70, 254))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_fp8(
    isa: str,
    dtype: torch.dtype,
    shape: tuple[int, int, int],
    run: Callable[..., None],
    as_accurate: Callable[..., None],
) -> None:
    rows, inputs, outputs = shape
    x = torch.randn(rows, inputs + 3).to(dtype)[:, :-3]
    weight = quantise(torch.randn(outputs, inputs) * torch.logspace(-3, 3, outputs)[:, None])
    bias = torch.randn(outputs).to(dtype)
    product = x.double() @ (weight.values.double() * weight.scales.double()[:, None]).T
    for out_type, add in {(dtype, False), (torch.float32, False), (torch.float32, True)}:
        for offset in (bias, None):
            start = torch.randn(rows, outputs).to(out_type)
            plain, got = start.clone(), start.clone()
            PLAIN.linear(x, weight, offset, plain, add=add)
            run(isa, lambda ops, b=offset, o=got, a=add: ops.linear(x, weight, b, o, add=a))
            exact = product + (0 if offset is None else offset.double())
            as_accurate(got, plain, exact + (start.double() if add else 0), inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_those_of_the_widened_weights(
    isa: str, dtype: torch.dtype, run: Callable[..., None]
) -> None:
    """To the bit, where scales are small powers of two: e4m3 is exact in every type of x."""
    weight = quantise(torch.randn(37, 300))
    weight = Quantised(weight.values, 2.0 ** torch.randint(-3, 4, (37,)))
    wide = weight.float().to(dtype)
    for rows in (1, 2, 5, 6, 7, 18, 19, 40):
        x, got, want = (
            torch.randn(rows, 300).to(dtype),
            torch.empty(rows, 37),
            torch.empty(rows, 37),
        )
        run(isa, lambda ops, x=x, out=got: ops.linear(x, weight, None, out))
        run(isa, lambda ops, x=x, out=want: ops.linear(x, wide, None, out))
        assert torch.equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_of_other_sizes_follow_each_other(
    isa: str, dtype: torch.dtype, run: Callable[..., None]
) -> None:
    """The room that a block is widened into is kept from product to product, and grows."""
    for inputs, outputs in ((100, 9), (9000, 17), (64, 130)):
        x, weight = torch.randn(200, inputs).to(dtype), quantise(torch.randn(outputs, inputs))
        many, one = torch.empty(200, outputs), torch.empty(1, outputs)
        run(isa, lambda ops, x=x, w=weight, out=many: ops.linear(x, w, None, out), threads=3)
        for row in (0, 83, 199):
            few = x[row : row + 1]
            run(isa, lambda ops, x=few, w=weight, out=one: ops.linear(x, w, None, out))
            assert torch.equal(many[row], one[0])


def test_what_no_kernel_takes_is_refused() -> None:
    ops, good = CpuOps(Tape()), quantise(torch.randn(4, 8))
    x, out = torch.randn(2, 8), torch.empty(2, 4)
    other_kind = Quantised(good.values.to(torch.float8_e5m2), good.scales)
    for weight, name in (
        (Quantised(good.values, good.scales[:3]), "scales"),
        (Quantised(good.values, good.scales.half()), "scales"),
        (other_kind, "weight"),
        (quantise(torch.randn(4, 9)), "weight"),
    ):
        with pytest.raises(ValueError, match=name):
            ops.linear(x, weight, None, out)
    assert len(ops.tape) == 0
