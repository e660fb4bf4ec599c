"""The plain operations against float64 and against Hugging Face's pieces."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.reference import ReferenceOps

OPS: Ops = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
HEADS, KV_HEADS, SIZE, PER_PAGE = 6, 2, 10, 5


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def ints(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)


def close(got: Tensor, want64: Tensor) -> None:
    """Within one rounding of got's type and a few of float32's."""
    unit = torch.finfo(got.dtype).eps
    torch.testing.assert_close(got.double(), want64, rtol=unit, atol=max(1e-6, unit * 1e-3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_embed_and_select_move_rows_exactly(dtype: torch.dtype) -> None:
    table = torch.randn(11, 7).to(dtype)
    out = torch.full((4, 7), torch.nan)
    OPS.embed(ints(10, 0, 3, 3), table, out)
    assert torch.equal(out, table[[10, 0, 3, 3]].float())
    picked = torch.full((2, 7), torch.nan)
    OPS.select(out, ints(3, 1), picked)
    assert torch.equal(picked, out[[3, 1]])


def test_place_writes_each_token_to_all_its_places_and_nowhere_else() -> None:
    out = torch.full((9,), -1, dtype=torch.int32)
    OPS.place(ints(50, 60), ints(8, 0, 3, 4).view(2, 2), out)
    assert out.tolist() == [60, -1, -1, 50, 60, -1, -1, -1, 50]


@pytest.mark.parametrize("dtype", DTYPES)
def test_rms_norm(dtype: torch.dtype) -> None:
    x, weight = torch.randn(3, 33) * 4, torch.randn(33).to(dtype)
    out = torch.full((3, 33), torch.nan, dtype=dtype)
    OPS.rms_norm(x, weight, 1e-5, out)
    norm = LlamaRMSNorm(33, eps=1e-5)
    norm.weight.data = weight.float()
    torch.testing.assert_close(out.float(), norm(x).to(dtype).float(), rtol=1e-6, atol=1e-6)
    x64 = x.double()
    close(out, x64 / (x64.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * weight.double())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("add", [False, True])
def test_linear(dtype: torch.dtype, biased: bool, add: bool) -> None:
    x, weight = torch.randn(5, 40).to(dtype)[:, 3:36], torch.randn(13, 33).to(dtype)
    bias = torch.randn(13).to(dtype) if biased else None
    before = torch.randn(5, 13)
    for out_dtype in {torch.float32} if add else {torch.float32, dtype}:
        out = before.clone() if add else torch.full((5, 13), torch.nan, dtype=out_dtype)
        OPS.linear(x, weight, bias, out, add=add)
        want = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
        unit = torch.finfo(out_dtype).eps
        want = want + before.double() if add else want
        torch.testing.assert_close(out.double(), want, rtol=unit, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_silu_mul(dtype: torch.dtype) -> None:
    gate_up = (torch.randn(3, 34) * 6).to(dtype)
    out = torch.full((3, 17), torch.nan, dtype=dtype)
    OPS.silu_mul(gate_up, out)
    gate, up = gate_up.double().chunk(2, dim=-1)
    close(out, F.silu(gate) * up)


def rotation_table(positions: int) -> Tensor:
    inverse = 100.0 ** -(torch.arange(0, SIZE, 2) / SIZE)
    angles = torch.arange(positions)[:, None] * inverse
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def strided_cache(pages: int, dtype: torch.dtype) -> Tensor:
    """One layer's view of a three-layer arena filled with NaN, as the runner hands it out."""
    arena = torch.full((pages, 3, 2, PER_PAGE, KV_HEADS, SIZE), torch.nan, dtype=dtype)
    return arena[:, 1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("normed", [False, True])
def test_rope_append(dtype: torch.dtype, normed: bool) -> None:
    qkv = torch.randn(3, (HEADS + 2 * KV_HEADS) * SIZE).to(dtype)
    before = qkv.clone()
    positions, slots, cache = ints(7, 0, 19), ints(13, 0, 4), strided_cache(3, dtype)
    q_norm, k_norm = torch.rand(2, SIZE).to(dtype) + 0.5 if normed else (None, None)
    table = rotation_table(20)
    OPS.rope_append(
        qkv, positions, slots, table, cache, heads=HEADS, q_norm=q_norm, k_norm=k_norm, eps=1e-6
    )
    q, k, v = before.view(3, -1, SIZE).double().split([HEADS, KV_HEADS, KV_HEADS], dim=1)
    if q_norm is not None and k_norm is not None:
        q = F.rms_norm(q, (SIZE,), q_norm.double(), 1e-6)
        k = F.rms_norm(k, (SIZE,), k_norm.double(), 1e-6)
    cos, sin = table[positions.long()].double().repeat(1, 1, 2).unbind(dim=1)
    q, k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=1)
    rows = qkv.view(3, -1, SIZE)
    close(rows[:, :HEADS], q)
    assert torch.equal(rows[:, HEADS:], before.view(3, -1, SIZE)[:, HEADS:])
    for token, slot in enumerate(slots.tolist()):
        close(cache[slot // PER_PAGE, 0, slot % PER_PAGE], k[token])
        assert torch.equal(cache[slot // PER_PAGE, 1, slot % PER_PAGE].double(), v[token])
    assert cache.isnan().sum() == cache.numel() - 2 * 3 * KV_HEADS * SIZE


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [None, 1, 4])
@pytest.mark.parametrize("softcap", [None, 3.0])
def test_paged_attention(dtype: torch.dtype, window: int | None, softcap: float | None) -> None:
    tables, lengths, fresh = ints(5, 1, 0, 2, 4, 3).view(2, 3), (12, 7), (4, 1)
    cache, queries, positions, lanes, wanted = strided_cache(6, dtype), [], [], [], []
    for lane, (length, rows) in enumerate(zip(lengths, fresh, strict=True)):
        k, v = torch.randn(2, length, KV_HEADS, SIZE).to(dtype)
        for token in range(length):
            page, offset = tables[lane, token // PER_PAGE], token % PER_PAGE
            cache[page, 0, offset], cache[page, 1, offset] = k[token], v[token]
        q = torch.randn(rows, HEADS, SIZE).to(dtype)
        queries.append(q)
        at = torch.arange(length - rows, length)
        positions.append(at)
        lanes.append(torch.full((rows,), lane))
        wanted.append(dense_attention(q, k, v, at, window, softcap))
    qkv = torch.full((sum(fresh), (HEADS + 2 * KV_HEADS) * SIZE), torch.nan, dtype=dtype)
    qkv[:, : HEADS * SIZE] = torch.cat(queries).flatten(1)
    out = torch.full((sum(fresh), HEADS * SIZE), torch.nan, dtype=dtype)
    OPS.paged_attention(
        qkv, torch.cat(positions).int(), torch.cat(lanes).int(), tables, cache, out,
        heads=HEADS, scale=0.3, window=window, softcap=softcap,
    )  # fmt: skip
    close(out, torch.cat(wanted).flatten(1))


def dense_attention(
    q: Tensor, k: Tensor, v: Tensor, at: Tensor, window: int | None, softcap: float | None
) -> Tensor:
    """The same over whole rows in float64, with a mask."""
    q, k, v = (x.double().transpose(0, 1) for x in (q, k, v))
    k, v = (x.repeat_interleave(HEADS // KV_HEADS, dim=0) for x in (k, v))
    scores = q @ k.mT * 0.3
    if softcap is not None:
        scores = (scores / softcap).tanh() * softcap
    back = at[:, None] - torch.arange(k.shape[1])
    seen = (back >= 0) & (back < (window or len(back[0])))
    return (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ v).transpose(0, 1)


def test_a_row_has_the_same_bits_whatever_stands_beside_it() -> None:
    x, weight, gate_up = torch.randn(9, 65), torch.randn(31, 65), torch.randn(9, 38)
    scale = torch.randn(65)
    many = (torch.empty(9, 65), torch.empty(9, 31), torch.empty(9, 19))
    OPS.rms_norm(x, scale, 1e-6, many[0])
    OPS.linear(x, weight, None, many[1])
    OPS.silu_mul(gate_up, many[2])
    for t in range(9):
        one = (torch.empty(1, 65), torch.empty(1, 31), torch.empty(1, 19))
        OPS.rms_norm(x[t : t + 1].clone(), scale, 1e-6, one[0])
        OPS.linear(x[t : t + 1].clone(), weight, None, one[1])
        OPS.silu_mul(gate_up[t : t + 1].clone(), one[2])
        assert all(torch.equal(a[t], b[0]) for a, b in zip(many, one, strict=True))
