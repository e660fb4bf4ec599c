"""embed, select, rms_norm and silu_mul on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from proxyfuse_kernels.reference import ReferenceOps

pytest.importorskip("proxyfuse_kernels._cpu")
PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
WIDTHS = [1, 5, 64, 333, 4101]


@pytest.mark.parametrize("dtype", DTYPES)
def test_embed_and_select_move_rows_exactly(
    isa: str, dtype: torch.dtype, run: Callable[..., None]
) -> None:
    for width in WIDTHS:
        table = torch.randn(11, width).to(dtype)
        table[3, 0] = torch.inf
        ids, rows = torch.tensor([10, 0, 3, 3]).int(), torch.tensor([3, 1]).int()
        out, picked = torch.full((4, width), torch.nan), torch.full((2, width), torch.nan)
        run(isa, lambda ops, t=table, i=ids, o=out: ops.embed(i, t, o))
        run(isa, lambda ops, r=rows, o=out, p=picked: ops.select(o, r, p))
        assert torch.equal(out, table[ids.long()].float())
        assert torch.equal(picked, out[rows.long()])


@pytest.mark.parametrize(("targets", "count"), [(1, 1), (2, 7), (5, 3), (0, 4), (2, 0)])
@pytest.mark.parametrize("threads", [1, 3])
def test_place(isa: str, targets: int, count: int, threads: int, run: Callable[..., None]) -> None:
    tokens = torch.randint(0, 9999, (count,), dtype=torch.int32)
    index = torch.randperm(50)[: targets * count].int().view(targets, count)
    got, want = torch.full((50,), -1).int(), torch.full((50,), -1).int()
    PLAIN.place(tokens, index, want)
    run(isa, lambda ops: ops.place(tokens, index, got), threads=threads)
    assert torch.equal(got, want)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_sixteen_bit_number_is_read_and_rounded_right(
    isa: str, dtype: torch.dtype, run: Callable[..., None]
) -> None:
    table = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(dtype).view(256, 256)
    ids, wide = torch.arange(256).int(), torch.empty(256, 256)
    run(isa, lambda ops: ops.embed(ids, table, wide))
    assert torch.equal(wide.nan_to_num(1.5), table.float().nan_to_num(1.5))
    assert torch.equal(wide.isnan(), table.isnan())

    # sums of two numbers of the type, many of them halfway between two others, some too large
    tiny = torch.finfo(torch.float32).tiny * 256  # vdpbf16ps takes float32 subnormals for zero
    usable = table.flatten()[table.isfinite().flatten() & (wide.abs() > tiny).flatten()]
    near = torch.cat([usable, usable.view(torch.int16).sub(2**9).view(dtype)])
    pairs = torch.stack([near, near[torch.randperm(len(near))]], dim=1)
    pairs[: len(usable), 1] = near[len(usable) :]
    sums = pairs.float().sum(1)
    pairs = pairs[
        (sums.abs() > tiny) & pairs.isfinite().all(1) & (pairs.float().abs() > tiny).all(1)
    ]
    out = torch.empty(len(pairs), 1, dtype=dtype)
    run(isa, lambda ops: ops.linear(pairs, torch.ones(1, 2, dtype=dtype), None, out))
    assert torch.equal(out[:, 0], pairs.float().sum(1).to(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_rms_norm(
    isa: str,
    dtype: torch.dtype,
    width: int,
    run: Callable[..., None],
    as_accurate: Callable[..., None],
) -> None:
    x, weight = torch.randn(6, width + 3)[:, :width] * 4, torch.randn(width).to(dtype)
    exact = x.double() / (x.double().pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
    for out_type in {dtype, torch.float32}:
        plain = torch.full((6, width), torch.nan, dtype=out_type)
        got = plain.clone()
        PLAIN.rms_norm(x, weight, 1e-5, plain)
        run(isa, lambda ops, out=got: ops.rms_norm(x, weight, 1e-5, out))
        as_accurate(got, plain, exact * weight.double())
        alone = torch.empty_like(got[:1])
        run(isa, lambda ops, out=alone: ops.rms_norm(x[4:5], weight, 1e-5, out), 1)
        assert torch.equal(alone[0], got[4])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_silu_mul(
    isa: str,
    dtype: torch.dtype,
    width: int,
    run: Callable[..., None],
    as_accurate: Callable[..., None],
) -> None:
    gate_up = (torch.randn(3, 2 * width + 1)[:, : 2 * width] * 3).to(dtype)
    gate, up = gate_up.double().chunk(2, dim=-1)
    plain = torch.full((3, width), torch.nan, dtype=dtype)
    got = plain.clone()
    PLAIN.silu_mul(gate_up, plain)
    run(isa, lambda ops: ops.silu_mul(gate_up, got), 3)
    as_accurate(got, plain, gate * torch.sigmoid(gate) * up)
    alone = torch.empty_like(got[:1])
    run(isa, lambda ops: ops.silu_mul(gate_up[2:], alone))
    assert torch.equal(alone[0], got[2])


def test_the_exponential_is_within_a_few_ulp_everywhere(isa: str, run: Callable[..., None]) -> None:
    # far below zero silu(x) is x e^x: three more roundings than the exponential itself
    gate = -torch.linspace(20, 86, 100_001)
    got = torch.empty(1, len(gate))
    run(isa, lambda ops: ops.silu_mul(torch.cat([gate, torch.ones_like(gate)])[None], got))
    exact = gate.double() * torch.sigmoid(gate.double())
    assert ((got[0].double() - exact).abs() <= 4 * 2**-24 * 2 * exact.abs()).all()


def test_silu_of_extremes(isa: str, run: Callable[..., None]) -> None:
    gate = torch.tensor([[-torch.inf, -200.0, 0.0, 200.0, torch.inf, torch.nan]])
    got = torch.empty(1, 6)
    run(isa, lambda ops: ops.silu_mul(torch.cat([gate, torch.ones_like(gate)], dim=1), got))
    assert got[0, :1].isnan().all()  # -inf times 0, as in torch
    assert got[0, 1:5].tolist() == [0.0, 0.0, 200.0, torch.inf]
    assert got[0, 5:].isnan().all()
