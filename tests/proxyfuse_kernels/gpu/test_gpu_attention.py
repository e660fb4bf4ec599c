"""paged_attention and rope_append in Triton, against the plain operations and float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.paged_attention import kernel
from proxyfuse_kernels.reference import ReferenceOps
from proxyfuse_kernels.rope_append.kernel import rope_append
from tests.proxyfuse_kernels.attention_cases import Case, make_case, turned

PLAIN, TRITON = ReferenceOps(), cast(Ops, kernel)
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
# head size, query heads, key heads, slots per page
SHAPES = [(16, 4, 4, 16), (64, 8, 2, 37), (80, 7, 1, 5), (128, 4, 1, 1), (10, 2, 1, 3)]
OPTIONS: list[dict[str, Any]] = [{}, {"window": 3}, {"window": 270}, {"softcap": 3.0}]
LONG = kernel.SPLIT + 20  # keys before the new ones: two splits, the second one begun
Judge = Callable[..., None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "options"), list(zip(SHAPES, [*OPTIONS, {}], strict=True)))
def test_paged_attention(
    dtype: torch.dtype,
    shape: tuple[int, int, int, int],
    options: dict[str, Any],
    device: str,
    as_accurate: Judge,
) -> None:
    case = make_case(dtype, *shape, rows=12, before=LONG).on(device)
    got = case.attended(TRITON, **options)
    keys = int(case.positions.max()) + 1
    as_accurate(got, case.attended(PLAIN, **options), case.exact(**options), keys)


@pytest.mark.parametrize("options", [{}, {"window": 270}])
def test_who_computes_a_split_decides_nothing(
    options: dict[str, Any], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(torch.bfloat16, 16, 7, 1, 5, rows=10, before=LONG).on(device)
    outs = []
    for programs in (1, 1000):  # all splits in one program, or one each
        monkeypatch.setattr(kernel, "PROGRAMS", programs)
        outs.append(case.attended(TRITON, **options))
    monkeypatch.setattr(kernel, "MOST_SCRATCH", 0)
    outs.append(case.attended(TRITON, **options))
    assert all(torch.equal(out, outs[0]) for out in outs)


@pytest.mark.parametrize(("shape", "options"), [(SHAPES[0], {}), (SHAPES[2], {"window": 3})])
def test_a_row_attends_alike_in_any_company(
    shape: tuple[int, int, int, int],
    options: dict[str, Any],
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = make_case(torch.float32, *shape, rows=12, before=LONG).on(device)
    together = case.attended(TRITON, **options)
    for picked, programs in (([0], 264), ([4, 5, 6], 264), ([3, 4, 6, 8, 11], 1)):
        monkeypatch.setattr(kernel, "PROGRAMS", programs)
        assert torch.equal(case.rows(picked).attended(TRITON, **options), together[picked])


@pytest.mark.parametrize(
    ("shape", "options", "value", "programs"),
    [
        (SHAPES[0], {}, torch.inf, 1000),
        (SHAPES[0], {"window": 18, "softcap": 3.0}, torch.nan, 1),
        (SHAPES[1], {"softcap": 3.0}, torch.nan, 1),
        (SHAPES[1], {"window": 5}, -torch.inf, 1000),
        (SHAPES[2], {"window": 270}, torch.nan, 1000),
        (SHAPES[2], {"window": 270}, torch.nan, 1),
    ],
)
def test_a_broken_value_strikes_those_who_see_it(
    shape: tuple[int, int, int, int],
    options: dict[str, Any],
    value: float,
    programs: int,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tokens that come later, or have left the window, may be in the tile but not in sight."""
    monkeypatch.setattr(kernel, "PROGRAMS", programs)
    case = make_case(torch.float32, *shape, rows=13, before=kernel.SPLIT - 4).on(device)
    whole = case.attended(TRITON, **options)
    size, heads, key_heads, slots = shape
    first, window = int(case.positions[1]), options.get("window", 1000)
    struck = torch.zeros(len(whole), heads, size, dtype=torch.bool, device=device)
    for column, broken in enumerate((first - 1, first + 2, first + 5, max(first + 2 - window, 0))):
        head, page = broken % key_heads, int(case.table[1, broken // slots])
        case.cache[page, 1, broken % slots, head, column] = value
        back = case.positions - broken
        sees = (case.lanes == 1) & (back >= 0) & (back < window)
        assert 0 < sees.sum() < len(sees)
        struck.unflatten(1, (key_heads, -1))[sees, head, :, column] = True
    got = case.attended(TRITON, **options)
    assert torch.equal(~got.isfinite(), struck.flatten(1))
    assert torch.equal(got[got.isfinite()], whole[got.isfinite()])


def test_strided_rows_and_one_layer_of_an_arena(device: str) -> None:
    case = make_case(torch.bfloat16, 16, 4, 2, 5, rows=9).on(device)
    arena = torch.full((len(case.cache), 3, *case.cache.shape[1:]), torch.nan, device=device)
    arena[:, 1] = case.cache
    wide = torch.full((9, case.qkv.shape[1] + 6), torch.nan, device=device).bfloat16()
    wide[:, 1:-5] = case.qkv
    table = torch.full((3, case.table.shape[1] + 4), 2**30, dtype=torch.int32, device=device)
    table[:, :-4] = case.table
    out = torch.full((9, 4 * 16 + 2), 7.0, dtype=torch.bfloat16, device=device)
    kernel.paged_attention(
        wide[:, 1:-5],
        case.positions,
        case.lanes,
        table[:, :-4],
        arena.bfloat16()[:, 1],
        out[:, 1:-1],
        heads=4,
        scale=16**-0.5,
    )
    assert torch.equal(out[:, 1:-1], case.attended(TRITON))
    assert (out[:, 0] == 7).all() and (out[:, -1] == 7).all()


@pytest.mark.parametrize("cap", [0.5, 50.0])
def test_the_cap_is_smooth_and_exact_to_a_few_units(cap: float, device: str) -> None:
    """One key, one row: the score shows through a second key whose score is 0."""
    scores = torch.linspace(-3 * cap, 3 * cap, 41, device=device)
    cache = torch.zeros(1, 2, 2, 1, 16, device=device)
    cache[0, 0, 0, 0, 0], cache[0, 1, 0, 0, 0] = 1.0, 1.0
    qkv = torch.zeros(41, 48, device=device)
    qkv[:, 0] = scores
    one = torch.ones(41, dtype=torch.int32, device=device)
    out = torch.empty(41, 16, device=device)
    lanes = torch.arange(41, dtype=torch.int32, device=device)
    table = torch.zeros(41, 1, dtype=torch.int32, device=device)
    kernel.paged_attention(qkv, one, lanes, table, cache, out, heads=1, scale=1.0, softcap=cap)
    want = (cap * (scores.double() / cap).tanh()).sigmoid()
    assert ((out[:, 0].double() - want).abs() < 1e-6 * max(cap, 1)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_rope_append(
    dtype: torch.dtype,
    normed: bool,
    shape: tuple[int, int, int, int],
    device: str,
    as_accurate: Judge,
) -> None:
    size, heads, key_heads, per_page = shape
    qkv = torch.randn(3, (heads + 2 * key_heads) * size + 3, device=device)[:, :-3].to(dtype)
    positions, slots = torch.randperm(50)[:3].int(), torch.randperm(9 * per_page)[:3].int()
    positions, slots = positions.to(device), slots.to(device)
    angle = torch.rand(50, size // 2, device=device) * 6
    rotation = torch.stack([angle.cos(), angle.sin()], dim=1)
    arena = torch.full((9, 3, 2, per_page, key_heads, size), torch.nan, device=device).to(dtype)
    norms: dict[str, Any] = {}
    if normed:
        q_norm, k_norm = torch.randn(2, size, device=device).to(dtype)
        norms = {"q_norm": q_norm, "k_norm": k_norm, "eps": 1e-5}
    results: list[tuple[Tensor, Tensor]] = []
    for append in (PLAIN.rope_append, rope_append):
        q, memory = qkv.clone(), arena.clone()
        append(q, positions, slots, rotation, memory[:, 1], heads=heads, **norms)
        results.append((q, memory))
    (plain_q, plain_memory), (got_q, got_memory) = results
    assert torch.equal(got_memory.isnan(), plain_memory.isnan())

    split, angles = qkv.unflatten(1, (-1, size)).double(), rotation[positions.long()]
    exact_q = turned(split[:, :heads], norms.get("q_norm"), angles)
    exact_k = turned(split[:, heads : heads + key_heads], norms.get("k_norm"), angles)
    width, at = heads * size, (slots.long() // per_page, 1, 0, slots.long() % per_page)
    as_accurate(got_q[:, :width], plain_q[:, :width], exact_q.flatten(1))
    as_accurate(got_memory[at], plain_memory[at], exact_k)
    assert torch.equal(got_q[:, width:], qkv[:, width:])
    values = (at[0], 1, 1, at[3])
    assert torch.equal(got_memory[values], split[:, heads + key_heads :].to(dtype))


def test_one_norm_alone_is_refused(device: str) -> None:
    case = Case(*(torch.empty(0),) * 3, torch.empty(0), torch.empty(1, 2, 1, 1, 4), 1)
    none = torch.empty(0, dtype=torch.int32)
    with pytest.raises(ValueError, match="both or neither"):
        rope_append(
            torch.empty(0, 12), none, none, case.cache, case.cache, heads=1, q_norm=case.qkv
        )
