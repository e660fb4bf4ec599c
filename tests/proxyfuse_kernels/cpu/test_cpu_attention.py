"""rope_append and paged_attention on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from proxyfuse_kernels.cpu import CpuOps, Tape, isas
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.paged_attention.reference import lane_cache
from proxyfuse_kernels.reference import ReferenceOps
from tests.proxyfuse_kernels.attention_cases import make_case, turned

pytest.importorskip("proxyfuse_kernels._cpu")
PLAIN = ReferenceOps()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
# head size, query heads, key heads, slots per page
SHAPES = [(16, 4, 4, 16), (80, 6, 2, 5), (96, 20, 1, 1), (256, 5, 5, 16), (10, 2, 1, 3)]
OPTIONS: list[dict[str, Any]] = [{}, {"window": 1}, {"window": 70}, {"softcap": 3.0}]


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
    keys = int(case.positions.max()) + 1
    for options in OPTIONS:
        tape = Tape(isa)
        got = case.attended(CpuOps(tape), lambda tape=tape: tape.run(teams[2]), **options)
        as_accurate(got, case.attended(PLAIN, **options), case.exact(**options), keys)


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


def test_heads_that_do_not_divide_are_refused() -> None:
    case = make_case(torch.float32, 16, 4, 4, 16)
    with pytest.raises(ValueError, match="4 key heads"):
        replace(case, heads=5).attended(CpuOps(Tape()))
