"""The kernels that take rows one by one, against the plain operations and float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

pytest.importorskip("triton")
from proxyfuse_kernels.embed.kernel import embed
from proxyfuse_kernels.place.kernel import place
from proxyfuse_kernels.reference import ReferenceOps
from proxyfuse_kernels.rms_norm.kernel import rms_norm
from proxyfuse_kernels.select.kernel import select
from proxyfuse_kernels.silu_mul.kernel import silu_mul

PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
WIDTHS = [1, 37, 1024, 1500]
ROUNDINGS = 4  # of an element: a root or an exponential, a quotient, and products
Judge = Callable[[Tensor, Tensor, Tensor, int], None]


def padded(rows: int, width: int, kind: torch.dtype, device: str) -> Tensor:
    """Random rows in the middle of wider ones, whose other columns are NaN."""
    whole = torch.full((rows, width + 5), torch.nan, dtype=kind, device=device)
    whole[:, 2 : width + 2] = torch.randn(rows, width, device=device) * 4
    return whole[:, 2 : width + 2]


def unwritten(rows: int, width: int, kind: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    """Room for rows, and what it is a part of: NaN throughout."""
    whole = torch.full((rows, width + 3), torch.nan, dtype=kind, device=device)
    return whole[:, 1 : width + 1], whole


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_rms_norm(dtype: torch.dtype, width: int, device: str, as_accurate: Judge) -> None:
    x, weight = padded(3, width, torch.float32, device), torch.randn(width).to(device, dtype)
    inverse = (x.double().pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt()
    for out_type in {dtype, torch.float32}:
        plain = torch.empty(3, width, dtype=out_type, device=device)
        got, whole = unwritten(3, width, out_type, device)
        PLAIN.rms_norm(x, weight, 1e-5, plain)
        rms_norm(x, weight, 1e-5, got)
        as_accurate(got, plain, x.double() * inverse * weight.double(), ROUNDINGS)
        assert whole.isnan().sum() == 3 * 3
        alone = torch.empty_like(plain[:1])
        rms_norm(x[2:].clone(), weight, 1e-5, alone)
        assert torch.equal(alone[0], got[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_silu_mul(dtype: torch.dtype, width: int, device: str, as_accurate: Judge) -> None:
    gate_up = padded(3, 2 * width, dtype, device)
    gate, up = gate_up.double().chunk(2, dim=-1)
    plain = torch.empty(3, width, dtype=dtype, device=device)
    got, whole = unwritten(3, width, dtype, device)
    PLAIN.silu_mul(gate_up, plain)
    silu_mul(gate_up, got)
    as_accurate(got, plain, F.silu(gate) * up, ROUNDINGS)
    assert whole.isnan().sum() == 3 * 3
    alone = torch.empty_like(plain[:1])
    silu_mul(gate_up[1:2].clone(), alone)
    assert torch.equal(alone[0], got[1])


def test_silu_of_extremes(device: str) -> None:
    gate = torch.tensor([[-200.0, -0.0, 0.0, 200.0, torch.inf, torch.nan]], device=device)
    got = torch.empty(1, 6, device=device)
    silu_mul(torch.cat([gate, torch.ones_like(gate)], dim=1), got)
    assert got[0, :5].tolist() == [0.0, 0.0, 0.0, 200.0, torch.inf] and got[0, 5].isnan()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_embed_and_select_move_rows_exactly(dtype: torch.dtype, width: int, device: str) -> None:
    table = torch.randn(11, width).to(device, dtype)
    ids = torch.tensor([10, 0, 3, 3], dtype=torch.int32, device=device)
    got, whole = unwritten(4, width, torch.float32, device)
    embed(ids, table, got)
    assert torch.equal(got, table[ids.long()].float())
    assert whole.isnan().sum() == 4 * 3
    picked = torch.empty(2, width, device=device)
    select(got, torch.tensor([3, 1], dtype=torch.int32, device=device), picked)
    assert torch.equal(picked, got[[3, 1]])


@pytest.mark.parametrize("count", [1, 3, 200])
def test_place_writes_each_token_to_all_its_places_and_nowhere_else(
    count: int, device: str
) -> None:
    tokens = torch.randperm(1000, device=device)[:count].int()
    index = torch.randperm(3 * count, device=device)[: 2 * count].int().view(2, count)
    got = torch.full((3 * count,), -1, dtype=torch.int32, device=device)
    want = got.clone()
    place(tokens, index, got)
    PLAIN.place(tokens, index, want)
    assert torch.equal(got, want)


def test_nothing_to_do_is_done(device: str) -> None:
    none, ids = torch.empty(0, 8, device=device), torch.empty(0, dtype=torch.int32, device=device)
    embed(ids, torch.randn(3, 8, device=device), none)
    select(torch.randn(3, 8, device=device), ids, none)
    rms_norm(none, torch.ones(8, device=device), 1e-5, none.clone())
    silu_mul(none, none[:, :4])
    place(ids, ids.view(1, 0), torch.zeros(4, dtype=torch.int32, device=device))
