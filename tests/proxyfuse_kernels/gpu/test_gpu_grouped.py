"""Operations over weights of several models: to the bit what each model alone computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")
from proxyfuse_kernels.gpu.ops import SOME, TritonOps
from proxyfuse_kernels.linear import library
from proxyfuse_kernels.linear.kernel import FEW
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.quantised import Quantised, Weight, quantise
from proxyfuse_kernels.reference import ReferenceOps

GROUPS = 2
ROWS = (1, 3, 16, 17)  # of a group
CASES = [  # few: on a chip each is compiled for every kind of rows, grouped and not
    (torch.float32, False, 64, 8),
    (torch.bfloat16, False, 333, 29),
    (torch.float16, False, 96, 130),
    (torch.bfloat16, True, 333, 29),
]
OPS = [ReferenceOps(), TritonOps(), TritonOps(one_path=True)]
NAMES = ["plain", "triton", "triton, one path"]
of_products = pytest.mark.parametrize("ops", OPS, ids=NAMES)
rowwise = pytest.mark.parametrize("ops", OPS[:2], ids=NAMES[:2])


def strided(rows: int, width: int, dtype: torch.dtype, device: str) -> Tensor:
    """Random rows in the middle of wider ones, whose other columns are NaN."""
    whole = torch.full((rows, width + 5), torch.nan, dtype=dtype, device=device)
    whole[:, 2 : width + 2] = torch.randn(rows, width, device=device)
    return whole[:, 2 : width + 2]


def one_by_one(count: int, run: Callable[[int, slice], None]) -> None:
    """Each group over its own rows, `count` of them."""
    for group in range(GROUPS):
        run(group, slice(group * count, (group + 1) * count))


def weights(
    inputs: int, outputs: int, dtype: torch.dtype, narrow: bool, device: str
) -> tuple[Weight, list[Weight]]:
    """Side by side, and each from an address of its own."""
    alone: list[Weight] = [torch.randn(outputs, inputs, device=device) for _ in range(GROUPS)]
    if not narrow:
        alone = [one.to(dtype) for one in alone if isinstance(one, Tensor)]
        return torch.stack([one for one in alone if isinstance(one, Tensor)]), alone
    kept = [quantise(one) for one in alone if isinstance(one, Tensor)]
    values = torch.stack([one.values.view(torch.uint8) for one in kept])
    scales = torch.stack([one.scales for one in kept])
    return Quantised(values.view(torch.float8_e4m3fn), scales), [*kept]


@of_products
@pytest.mark.parametrize(("dtype", "narrow", "inputs", "outputs"), CASES)
def test_linear(
    ops: AheadOps, dtype: torch.dtype, narrow: bool, inputs: int, outputs: int, device: str
) -> None:
    weight, alone = weights(inputs, outputs, dtype, narrow, device)
    moves = ops is not OPS[2]  # a library's bits move with an address
    if moves:
        alone = [weight[group] for group in range(GROUPS)]
    bias = torch.randn(GROUPS, outputs, device=device).to(dtype)
    for count in ROWS:
        x = strided(GROUPS * count, inputs, dtype, device)
        for kind, add, biased in ((dtype, False, True), (torch.float32, True, False)):
            start = strided(GROUPS * count, outputs, kind, device)
            got, wanted = start.clone(), start.clone()
            if not add:
                got.fill_(torch.nan)
            ops.linear(x, weight, bias if biased else None, got, add=add)

            def run(group: int, rows: slice, add: bool = add, biased: bool = biased) -> None:
                own = (bias[group] if moves else bias[group].clone()) if biased else None
                ops.linear(x[rows], alone[group], own, wanted[rows], add=add)  # noqa: B023

            one_by_one(count, run)
            assert torch.equal(got, wanted) and got.isfinite().all()


def test_the_library_is_asked_for_one_group_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[int, ...]] = []
    monkeypatch.setattr(library, "linear", lambda x, w, *_, **__: called.append((len(x), w.dim())))
    weight = torch.randn(GROUPS, 8, 16)
    for ops in OPS[1:]:
        for rows in (FEW, FEW + 1):
            x = torch.randn(GROUPS * rows, 16)
            ops.linear(x, weight, None, torch.empty(GROUPS * rows, 8))
    assert called == [(FEW + 1, 2)] * GROUPS


def test_the_library_of_8_bits_too(device: str) -> None:
    weight, alone = weights(48, 7, torch.float32, True, device)
    x = torch.randn(GROUPS * (SOME + 1), 48, device=device)
    got, wanted = torch.full((2, len(x), 7), torch.nan, device=device)
    OPS[1].linear(x, weight, None, got)
    one_by_one(SOME + 1, lambda g, rows: OPS[1].linear(x[rows], alone[g], None, wanted[rows]))
    assert torch.equal(got, wanted)


@rowwise
@pytest.mark.parametrize("width", [1, 37, 1500])
def test_rms_norm(ops: AheadOps, width: int, device: str) -> None:
    weight = torch.randn(GROUPS, width, device=device).bfloat16()
    for count in ROWS:
        x = strided(GROUPS * count, width, torch.float32, device)
        got, wanted = (strided(GROUPS * count, width, torch.bfloat16, device) for _ in range(2))
        got.fill_(torch.nan)
        ops.rms_norm(x, weight, 1e-5, got)

        def run(group: int, rows: slice) -> None:
            ops.rms_norm(x[rows], weight[group].clone(), 1e-5, wanted[rows])  # noqa: B023

        one_by_one(count, run)
        assert torch.equal(got, wanted)


@rowwise
@pytest.mark.parametrize("width", [1, 37, 1500])
def test_embed(ops: AheadOps, width: int, device: str) -> None:
    table = torch.randn(GROUPS, 11, width, device=device).bfloat16()
    for count in ROWS:
        ids = torch.randint(11, (GROUPS * count,), dtype=torch.int32, device=device)
        got = strided(GROUPS * count, width, torch.float32, device)
        got.fill_(torch.nan)
        ops.embed(ids, table, got)
        wanted = torch.cat([table[g][own.long()] for g, own in enumerate(ids.chunk(GROUPS))])
        assert torch.equal(got, wanted.float())


@rowwise
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("size", [10, 80])
def test_rope_append(ops: AheadOps, size: int, normed: bool, device: str) -> None:
    heads, keys, slots = 2, 1, 5
    norms = torch.randn(2, GROUPS, size, device=device).bfloat16()
    rotation = torch.randn(64, 2, size // 2, device=device)
    for count in (1, 3, 17):
        rows = GROUPS * count
        qkv = strided(rows, (heads + 2 * keys) * size, torch.bfloat16, device)
        if isinstance(ops, ReferenceOps):
            qkv = qkv.contiguous()
        positions = torch.randint(64, (rows,), dtype=torch.int32, device=device)
        places = torch.randperm(8 * slots, device=device)[:rows].int()
        caches = torch.full((2, 8, 2, slots, keys, size), torch.nan, device=device).bfloat16()

        def act(rows: slice, qkv: Tensor, cache: Tensor, q_norm: Tensor, k_norm: Tensor) -> None:
            more = {"q_norm": q_norm, "k_norm": k_norm} if normed else {}
            own = (positions[rows], places[rows])  # noqa: B023
            ops.rope_append(qkv, *own, rotation, cache, heads=heads, eps=1e-5, **more)

        alone = qkv.clone()
        for g in range(GROUPS):
            part = slice(g * count, (g + 1) * count)
            act(part, alone[part], caches[1], norms[0, g].clone(), norms[1, g].clone())
        act(slice(None), qkv, caches[0], norms[0], norms[1])
        assert torch.equal(qkv, alone) and torch.equal(*caches.nan_to_num(7.5))
        assert caches[0].isnan().any(dim=-1).sum() == 2 * (8 * slots - rows) * keys
