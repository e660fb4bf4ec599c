"""Draws out of three heads' product: those of the plain version, where products are exact."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from proxyfuse_kernels.fused_head_sample import choose, takes
from proxyfuse_kernels.fused_head_sample.reference import fused_head_sample
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows
from tests.proxyfuse_kernels.proxy_sample.batches import (
    assert_same,
    mixed_rows,
    take,
)

triton = pytest.importorskip("triton")
launch = pytest.importorskip("proxyfuse_kernels.fused_head_sample.launch")

interpreted = pytest.mark.skipif(not triton.knobs.runtime.interpret, reason="triton compiles here")
on = pytest.mark.parametrize(
    "device",
    [pytest.param("cpu", marks=interpreted), pytest.param("cuda", marks=pytest.mark.gpu)],
)
pytestmark = pytest.mark.filterwarnings("ignore:(invalid|overflow|divide|All-NaN):RuntimeWarning")
WIDTHS = (96, 64, 33)


def exact(*size: int, dice: torch.Generator) -> Tensor:
    """Numbers so short that any order of summing their products gives the same float32."""
    return torch.randint(-3, 4, size, generator=dice) / 4


def batch(
    count: int, fused: int, vocab: int, seed: int, dtype: torch.dtype
) -> tuple[list[Tensor], list[Tensor], SampleRows]:
    """Hidden rows with NaN behind them, heads longer than the vocabulary, rows without filters."""
    dice = torch.Generator().manual_seed(seed)
    hidden = []
    for rows, width in zip((count, fused, fused), WIDTHS, strict=True):
        padded = torch.full((rows, width + 3), torch.nan)
        padded[:, :width] = exact(rows, width, dice=dice)
        hidden.append(padded.to(dtype)[:, :width])
    heads = [exact(vocab + 2, width, dice=dice).to(dtype) for width in WIDTHS]
    plain = SampleRows.plain(count)
    off = {name: getattr(plain, name) for name in ("top_k", "top_p", "min_p")}
    rows = replace(mixed_rows(count, vocab, dice), **off)
    return (hidden, heads, rows) if fused else (hidden[:1], heads[:1], rows)


def moved(x: Any, device: str) -> Any:
    held = {f.name: getattr(x, f.name) for f in fields(x)}
    return type(x)(**{name: t if t is None else t.to(device) for name, t in held.items()})


def drawn(
    hidden: list[Tensor], heads: list[Tensor], rows: SampleRows, vocab: int, device: str
) -> SampleDraws:
    """What the kernel draws, from poisoned scratch."""
    sampler = launch.FusedHeadSampler(vocab, hidden[0].shape[0], device)
    sampler.scratch.floats.fill_(torch.nan)
    sampler.scratch.ids.fill_(-(2**31))
    draws = sampler(
        [x.to(device) for x in hidden], [x.to(device) for x in heads], moved(rows, device)
    )
    assert not sampler.scratch.arrived.any(), "the next launch would count too many tiles"
    return moved(draws, "cpu")


@on
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("count", "fused", "vocab"), [(1, 1, 5), (3, 1, 111), (17, 16, 300)])
def test_draws_are_the_plain_versions(
    device: str, dtype: torch.dtype, count: int, fused: int, vocab: int
) -> None:
    if device == "cpu" and dtype is torch.bfloat16:
        pytest.skip("triton's interpreter multiplies the bits of bfloat16 as if they were integers")
    hidden, heads, rows = batch(count, fused, vocab, count, dtype)
    expected = fused_head_sample(hidden, heads, rows, vocab=vocab)
    assert_same(drawn(hidden, heads, rows, vocab, device), expected)


@on
def test_the_base_alone(device: str) -> None:
    hidden, heads, rows = batch(4, 0, 130, 1, torch.float32)
    expected = fused_head_sample(hidden, heads, rows, vocab=130)
    assert_same(drawn(hidden, heads, rows, 130, device), expected)


@on
def test_a_rows_bits_do_not_depend_on_its_neighbours(device: str) -> None:
    """Here with products that do round."""
    hidden, heads, rows = batch(18, 18, 200, 2, torch.float16)
    hidden = [torch.randn(x.shape, dtype=x.dtype) for x in hidden]
    whole = drawn(hidden, heads, rows, 200, device)
    for ids in ([17], [5, 0]):
        alone = drawn([x[ids] for x in hidden], heads, take(rows, ids), 200, device)
        for field in fields(SampleDraws)[:4]:
            expected = getattr(whole, field.name)[ids]
            torch.testing.assert_close(
                getattr(alone, field.name), expected, rtol=0, atol=0, equal_nan=True
            )


@on
def test_what_cannot_be_drawn_is_not_finite(device: str) -> None:
    """A row with filters, one that is NaN, one where nothing is allowed; the fourth is fine."""
    hidden, heads, _ = batch(4, 4, 130, 3, torch.float32)
    hidden[0][1, 0] = torch.nan
    rows = SampleRows.plain(
        4,
        top_k=torch.tensor([3, 0, 0, 0], dtype=torch.int32),
        allowed=torch.tensor([[-1] * 5, [0] * 5], dtype=torch.int32),
        allowed_row=torch.tensor([0, 0, 1, 0], dtype=torch.int32),
    )
    draws = drawn(hidden, heads, rows, 130, device)
    assert draws.finite.tolist() == [False, False, False, True]
    assert draws.tokens[:3].tolist() == [0, 0, 0] and draws.logprobs[:3].isnan().all()


@pytest.mark.parametrize("more", ["filters", "top", "ranks", "roles", "capped"])
def test_what_it_takes(more: str) -> None:
    asked: dict[str, Any] = {"filters": False}
    assert takes(**asked) and not takes(**(asked | {more: True}))


def test_what_is_expected_to_win() -> None:
    assert choose(1) and choose(16) and not choose(17)


def test_what_does_not_fit_is_refused() -> None:
    sampler, rows = launch.FusedHeadSampler(5, 2, "cpu"), SampleRows.plain(2)
    x, w = torch.zeros(2, 8), torch.zeros(5, 8)
    with pytest.raises(ValueError, match="at most 2"):
        sampler([torch.zeros(3, 8)], [w], SampleRows.plain(3))
    with pytest.raises(ValueError, match="1 or 3"):
        sampler([x, x], [w, w], rows)
    with pytest.raises(ValueError, match="of one float type"):
        sampler([x], [w.half()], rows)
    with pytest.raises(ValueError, match="at least 5"):
        sampler([x], [w[:4]], rows)
    with pytest.raises(ValueError, match="contiguous"):
        sampler([x], [torch.zeros(8, 5).t()], rows)
