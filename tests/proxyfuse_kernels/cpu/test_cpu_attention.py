"""rope_append and paged_attention on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from proxyfuse_kernels.cpu import CpuOps, Tape, isas
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.paged_attention.reference import attend, lane_cache
from proxyfuse_kernels.reference import ReferenceOps

pytest.importorskip("proxyfuse_kernels._cpu")
PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
# head size, query heads, key heads, slots per page
SHAPES = [(16, 4, 4, 16), (80, 6, 2, 5), (96, 20, 1, 1), (256, 5, 5, 16), (10, 2, 1, 3)]
OPTIONS: list[dict[str, Any]] = [{}, {"window": 1}, {"window": 70}, {"softcap": 3.0}]


@dataclass(frozen=True)
class Case:
    """Three lanes of different lengths, the rows at the end of each, and NaN wherever no key is."""

    qkv: Tensor
    positions: Tensor
    lanes: Tensor
    table: Tensor
    cache: Tensor
    heads: int

    def rows(self, picked: Sequence[int]) -> Case:
        rows = torch.tensor(picked)
        return replace(
            self, qkv=self.qkv[rows], positions=self.positions[rows], lanes=self.lanes[rows]
        )

    def attended(self, ops: Ops, run: Callable[[], None] | None = None, **options: Any) -> Tensor:
        size = self.cache.shape[-1]
        out = torch.full((len(self.qkv), self.heads * size), torch.nan, dtype=self.qkv.dtype)
        ops.paged_attention(
            self.qkv,
            self.positions,
            self.lanes,
            self.table,
            self.cache,
            out,
            heads=self.heads,
            scale=size**-0.5,
            **options,
        )
        if run is not None:
            run()
        return out

    def exact(self, window: int | None = None, softcap: float | None = None) -> Tensor:
        size, rows = self.cache.shape[-1], []
        for row, position, lane in zip(
            self.qkv.double(), self.positions.tolist(), self.lanes.tolist(), strict=True
        ):
            first = 0 if window is None else max(0, position + 1 - window)
            keys, values = lane_cache(self.cache, self.table[lane], first, position + 1)
            q = row[: self.heads * size].view(self.heads, size)
            rows.append(attend(q, keys.double(), values.double(), size**-0.5, softcap).flatten())
        return torch.stack(rows)


def make_case(
    dtype: torch.dtype, size: int, heads: int, key_heads: int, per_page: int, rows: int = 21
) -> Case:
    lengths = [1, rows - 6 + 130, 40]  # rows 1, rows - 6, 5 of them are new
    counts = [1, rows - 6, 5]
    width = -(-max(lengths) // per_page)
    order = torch.randperm(3 * width + 2)
    cache = torch.full((len(order), 2, per_page, key_heads, size), torch.nan, dtype=dtype)
    table = torch.full((3, width), 2**30, dtype=torch.int32)  # pages nobody may read
    for lane, length in enumerate(lengths):
        pages = -(-length // per_page)
        table[lane, :pages] = order[lane * width : lane * width + pages]
        for p in range(length):
            cache[table[lane, p // per_page], :, p % per_page] = torch.randn(2, key_heads, size)
    ends = [torch.arange(n - count, n) for n, count in zip(lengths, counts, strict=True)]
    lanes = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    qkv = torch.randn(rows, (heads + 2 * key_heads) * size).to(dtype)
    return Case(qkv, torch.cat(ends).int(), lanes.int(), table, cache, heads)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_paged_attention(
    isa: str,
    dtype: torch.dtype,
    shape: tuple[int, int, int, int],
    teams: dict[int, Any],
    as_accurate: Callable[..., None],
) -> None:
    case = make_case(dtype, *shape)
    for options in OPTIONS:
        tape = Tape(isa)
        got = case.attended(CpuOps(tape), lambda tape=tape: tape.run(teams[2]), **options)
        as_accurate(got, case.attended(PLAIN, **options), case.exact(**options))


@settings(max_examples=20, deadline=None)
@given(
    isa=st.sampled_from(isas()),
    dtype=st.sampled_from(DTYPES),
    shape=st.sampled_from(SHAPES),
    options=st.sampled_from(OPTIONS),
    picked=st.sets(st.integers(0, 20), min_size=1),
    threads=st.sampled_from([1, 3, 5]),
)
def test_a_row_attends_alike_in_any_company(
    teams: dict[int, Any],
    isa: str,
    dtype: torch.dtype,
    shape: tuple[int, int, int, int],
    options: dict[str, Any],
    picked: set[int],
    threads: int,
) -> None:
    case, rows = make_case(dtype, *shape), sorted(picked)
    outs = []
    for part, team in ((case, teams[2]), (case.rows(rows), teams[threads])):
        tape = Tape(isa)
        outs.append(part.attended(CpuOps(tape), lambda t=tape, team=team: t.run(team), **options))
    assert torch.equal(outs[0][rows], outs[1])


def test_pages_of_any_size_give_the_same_bits(isa: str, teams: dict[int, Any]) -> None:
    outs = []
    for per_page in (16, 5, 1):
        torch.manual_seed(3)
        case = make_case(torch.bfloat16, 64, 4, 2, 16)
        keys = [
            torch.stack(lane_cache(case.cache, case.table[lane], 0, length))
            for lane, length in ((0, 1), (1, 145), (2, 40))
        ]
        cache = torch.full((200 * 3, 2, per_page, 2, 64), torch.nan, dtype=torch.bfloat16)
        table = torch.arange(600).view(3, 200).int()
        for lane, values in enumerate(keys):
            for p in range(values.shape[1]):
                cache[table[lane, p // per_page], :, p % per_page] = values[:, p].bfloat16()
        tape = Tape(isa)
        paged = replace(case, cache=cache, table=table)
        outs.append(paged.attended(CpuOps(tape), lambda tape=tape: tape.run(teams[2])))
    assert torch.equal(outs[0], outs[1]) and torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_rope_append(
    isa: str,
    dtype: torch.dtype,
    normed: bool,
    shape: tuple[int, int, int, int],
    run: Callable[..., None],
    as_accurate: Callable[..., None],
) -> None:
    size, heads, key_heads, per_page = shape
    qkv = torch.randn(7, (heads + 2 * key_heads) * size + 3)[:, :-3].to(dtype)
    positions, slots = torch.randperm(50)[:7].int(), torch.randperm(9 * per_page)[:7].int()
    angle = torch.rand(50, size // 2) * 6
    rotation = torch.stack([angle.cos(), angle.sin()], dim=1)
    arena = torch.full((9, 3 * 2 * per_page * key_heads * size), torch.nan, dtype=dtype)
    norm = torch.randn(2, size).to(dtype).unbind() if normed else (None, None)
    results = []
    for ops in (PLAIN, None):
        q, memory = qkv.clone(), arena.clone()
        cache = memory.view(9, 3, 2, per_page, key_heads, size)[:, 1]  # one layer of three

        def append(ops: Ops, q: Tensor = q, cache: Tensor = cache) -> None:
            ops.rope_append(
                q,
                positions,
                slots,
                rotation,
                cache,
                heads=heads,
                q_norm=norm[0],
                k_norm=norm[1],
                eps=1e-5,
            )

        run(isa, append) if ops is None else append(ops)
        results.append((q, memory, cache))
    (plain_q, plain_memory, plain_cache), (got_q, got_memory, got_cache) = results
    assert torch.equal(got_memory.isnan(), plain_memory.isnan())

    split = qkv.unflatten(1, (-1, size)).double()
    exact_q = turned(split[:, :heads], norm[0], rotation[positions.long()])
    exact_k = turned(split[:, heads : heads + key_heads], norm[1], rotation[positions.long()])
    width, page, slot = heads * size, slots.long() // per_page, slots.long() % per_page
    as_accurate(got_q[:, :width], plain_q[:, :width], exact_q.flatten(1))
    as_accurate(got_cache[page, 0, slot], plain_cache[page, 0, slot], exact_k)
    assert torch.equal(got_q[:, width:], qkv[:, width:])
    assert torch.equal(got_cache[page, 1, slot], split[:, heads + key_heads :].to(dtype))


def turned(x: Tensor, norm: Tensor | None, angles: Tensor) -> Tensor:
    """The rotation in float64.  x [T, heads, C], angles [T, 2, C/2]."""
    if norm is not None:
        x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * norm.double()
    left, right = x.chunk(2, dim=-1)
    cosine, sine = angles.double()[:, None].unbind(dim=2)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1)


def test_heads_that_do_not_divide_are_refused() -> None:
    case = make_case(torch.float32, 16, 4, 4, 16)
    with pytest.raises(ValueError, match="4 key heads"):
        replace(case, heads=5).attended(CpuOps(Tape()))
