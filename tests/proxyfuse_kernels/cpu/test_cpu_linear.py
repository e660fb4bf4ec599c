"""`linear` on the CPU: as accurate as the plain version, and the same bits for a row anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from proxyfuse_kernels.cpu import CpuOps, Tape, isas
from proxyfuse_kernels.quantised import quantise
from proxyfuse_kernels.reference import ReferenceOps

pytest.importorskip("proxyfuse_kernels._cpu")
PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(1, 64, 8), (3, 1, 1), (7, 333, 29), (64, 96, 65), (13, 4096, 5), (2, 31, 40)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear(
    isa: str,
    dtype: torch.dtype,
    shape: tuple[int, int, int],
    run: Callable[..., None],
    as_accurate: Callable[..., None],
) -> None:
    rows, inputs, outputs = shape
    x, weight = torch.randn(rows, inputs).to(dtype), torch.randn(outputs, inputs).to(dtype)
    bias = torch.randn(outputs).to(dtype)
    product = x.double() @ weight.double().T
    for out_type in {torch.float32, dtype}:
        plain = torch.full((rows, outputs), torch.nan, dtype=out_type)
        got = plain.clone()
        PLAIN.linear(x, weight, bias, plain)
        run(isa, lambda ops, out=got: ops.linear(x, weight, bias, out))
        as_accurate(got, plain, product + bias.double(), inputs)
    start = torch.randn(rows, outputs)
    plain, got = start.clone(), start.clone()
    PLAIN.linear(x, weight, None, plain, add=True)
    run(isa, lambda ops: ops.linear(x, weight, None, got, add=True))
    as_accurate(got, plain, start.double() + product, inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_rows_leave_their_surroundings_alone(
    isa: str, dtype: torch.dtype, run: Callable[..., None]
) -> None:
    x = torch.full((5, 70), torch.nan, dtype=dtype)
    x[:, :37] = torch.randn(5, 37)
    weight, out = torch.randn(11, 37).to(dtype), torch.full((5, 20), 7.0, dtype=dtype)
    dense = torch.empty(5, 11, dtype=dtype)
    run(isa, lambda ops: ops.linear(x[:, :37], weight, None, out[:, 3:14]))
    run(isa, lambda ops: ops.linear(x[:, :37].contiguous(), weight, None, dense))
    assert torch.equal(out[:, 3:14], dense)
    assert (out[:, :3] == 7).all() and (out[:, 14:] == 7).all()


@pytest.mark.parametrize("packed", [False, True])
@settings(max_examples=40, deadline=None)
@given(
    isa=st.sampled_from(isas()),
    dtype=st.sampled_from(DTYPES),
    inputs=st.integers(1, 200) | st.just(2048),
    outputs=st.integers(1, 90),
    picked=st.lists(st.integers(0, 39), min_size=1, max_size=60),
    threads=st.sampled_from([1, 2, 3, 5]),
)
def test_a_row_has_its_bits_in_any_company(
    teams: dict[int, object],
    packed: bool,
    isa: str,
    dtype: torch.dtype,
    inputs: int,
    outputs: int,
    picked: list[int],
    threads: int,
) -> None:
    """Whether its weights have the type of x or, `packed`, 8 bits."""
    x, wide = torch.randn(40, inputs).to(dtype), torch.randn(outputs, inputs)
    weight = quantise(wide) if packed else wide.to(dtype)
    bias = torch.randn(outputs).to(dtype)

    def product(rows: Tensor, team: object) -> Tensor:
        out, tape = torch.full((len(rows), outputs), torch.nan), Tape(isa)
        CpuOps(tape).linear(rows, weight, bias, out)
        tape.run(team)
        return out

    assert torch.equal(product(x[picked], teams[threads]), product(x, teams[2])[picked])


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_past_a_cache_block_have_the_same_bits(
    isa: str, dtype: torch.dtype, run: Callable[..., None]
) -> None:
    x, weight = torch.randn(150, 3000).to(dtype), torch.randn(9, 3000).to(dtype)
    many, one = torch.empty(150, 9), torch.empty(1, 9)
    run(isa, lambda ops: ops.linear(x, weight, None, many))
    for row in (0, 83, 149):
        run(isa, lambda ops, row=row: ops.linear(x[row : row + 1], weight, None, one))
        assert torch.equal(many[row], one[0])


def test_what_no_kernel_takes_is_refused() -> None:
    ops = CpuOps(Tape())
    x, weight, out = torch.randn(2, 8), torch.randn(4, 8), torch.empty(2, 4)
    with pytest.raises(ValueError, match="weight"):
        ops.linear(x, weight.half(), None, out)
    with pytest.raises(ValueError, match="weight"):
        ops.linear(x, torch.randn(8, 4).T, None, out)
    with pytest.raises(ValueError, match="out"):
        ops.linear(x.half(), weight.half(), None, out.half(), add=True)
    with pytest.raises(ValueError, match="bias"):
        ops.linear(x, weight, torch.randn(5), out)
    with pytest.raises(ValueError, match="x"):
        ops.linear(torch.randn(8, 2).T, weight, None, out)
    assert len(ops.tape) == 0
