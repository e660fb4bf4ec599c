"""The Triton sampler against the plain version: the same tokens, by interpreter or on a GPU."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows, reference
from tests.proxyfuse_kernels.proxy_sample.batches import (
    EVERYTHING,
    assert_identical,
    assert_same,
    mixed_logits,
    mixed_rows,
    take,
    told,
)

triton = pytest.importorskip("triton")
launch = pytest.importorskip("proxyfuse_kernels.proxy_sample.launch")

interpreted = pytest.mark.skipif(not triton.knobs.runtime.interpret, reason="triton compiles here")
on = pytest.mark.parametrize(
    "device",
    [pytest.param("cpu", marks=interpreted), pytest.param("cuda", marks=pytest.mark.gpu)],
)
pytestmark = pytest.mark.filterwarnings("ignore:(invalid|overflow|divide|All-NaN):RuntimeWarning")

VOCABS = [1, 5, 111, 2048, 4096, 4097]
FLOATS = st.sampled_from([torch.float32, torch.bfloat16, torch.float16])


def moved(x: Any, device: str) -> Any:
    """The same rows or draws on another device."""
    held = {f.name: getattr(x, f.name) for f in fields(x)}
    return type(x)(**{name: t if t is None else t.to(device) for name, t in held.items()})


def poison(sampler: Any) -> None:
    """Fill what a launch must not rely on."""
    for name, x in sampler.scratch._asdict().items():
        if name != "arrived":
            x.fill_(float("nan") if x.is_floating_point() else -(2**31))


def drawn(
    logits: list[Tensor], rows: SampleRows, vocab: int, device: str, **asked: Any
) -> SampleDraws:
    """What the kernel draws, from poisoned scratch into poisoned results."""
    sampler = launch.TritonSampler(vocab, logits[0].shape[0], device)
    poison(sampler)
    # Padding moves along: a copy of a cut tensor would drop it.
    whole = [x._base.to(device)[:, : x.shape[1]] if x._base is not None else x for x in logits]
    draws = sampler([x.to(device) for x in whole], moved(rows, device), **asked)
    assert not sampler.scratch.arrived.any(), "the next launch would count too many parts"
    return moved(draws, "cpu")


@on
@settings(max_examples=14, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from([1, 3, 5]),
    vocab=st.sampled_from(VOCABS),
    types=st.lists(FLOATS, min_size=3, max_size=3),
    data=st.data(),
)
def test_tokens_equal_the_plain_versions(
    device: str, seed: int, count: int, vocab: int, types: list[torch.dtype], data: st.DataObject
) -> None:
    dice = torch.Generator().manual_seed(seed)
    fused = data.draw(st.integers(0, count))
    logits = mixed_logits(count, fused, vocab, types, dice)
    rows = mixed_rows(count, vocab, dice)
    expected = reference.proxy_sample(logits, rows, vocab=vocab, **EVERYTHING)
    assert_same(drawn(logits, rows, vocab, device, **EVERYTHING), expected)


@on
@pytest.mark.parametrize(("count", "vocab"), [(2, 32001), (17, 111)])
def test_tokens_equal_on_wide_rows_and_in_crowds(device: str, count: int, vocab: int) -> None:
    dice = torch.Generator().manual_seed(vocab)
    logits = mixed_logits(count, count, vocab, [torch.bfloat16] * 3, dice)
    rows = mixed_rows(count, vocab, dice)
    expected = reference.proxy_sample(logits, rows, vocab=vocab, **EVERYTHING)
    assert_same(drawn(logits, rows, vocab, device, **EVERYTHING), expected)


STRICT: list[dict[str, float]] = [
    {"top_p": 0.01},
    {"top_k": 2},
    {"top_k": 70},
    {"top_k": 70, "top_p": 0.3},
    {"top_k": 5, "top_p": 0.9, "min_p": 0.2},
    {"min_p": 0.9},
    {"min_p": 1.5},
]


@on
@pytest.mark.parametrize("asked", STRICT, ids=str)
def test_draws_far_outside_the_filters_are_drawn_again(
    device: str, asked: dict[str, float]
) -> None:
    """On flat rows nearly everything drawn is refused, many times over."""
    count, vocab = 3, 4097
    x = torch.randn(count, vocab, generator=torch.Generator().manual_seed(7)) * 0.1
    x[1] = 0
    x[2] = (x[2] * 20).round()
    columns = {
        name: torch.full((count,), value, dtype=torch.int32 if name == "top_k" else torch.float32)
        for name, value in asked.items()
    }
    rows = SampleRows.plain(count, position=torch.arange(count, dtype=torch.int32), **columns)
    expected = reference.proxy_sample([x], rows, vocab=vocab)
    assert_same(drawn([x], rows, vocab, device), expected)


def test_margins_are_refused() -> None:
    sampler = launch.TritonSampler(9, 2, "cpu")
    out = SampleDraws.empty(2, 0, False, False, margins=True)
    with pytest.raises(ValueError, match="margins"):
        sampler.into([torch.zeros(2, 9)], SampleRows.plain(2), out)


@on
def test_a_rows_bits_do_not_depend_on_its_neighbours(device: str) -> None:
    count, vocab = 6, 4097
    dice = torch.Generator().manual_seed(3)
    logits = mixed_logits(count, count, vocab, [torch.float32] * 3, dice)
    rows = mixed_rows(count, vocab, dice)
    whole = drawn(logits, rows, vocab, device, **EVERYTHING)
    for ids in ([5], [4, 0]):
        alone = drawn([x[ids] for x in logits], take(rows, ids), vocab, device, **EVERYTHING)
        some = {name: x[ids] for name, x in told(whole).items()}
        assert_identical(alone, SampleDraws(**some))


@on
def test_scratch_carries_nothing_over_and_results_go_where_they_are_wanted(device: str) -> None:
    vocab = 2050
    sampler = launch.TritonSampler(vocab, 4, device)
    out = SampleDraws.empty(4, 2, True, True, device)
    for seed, count in enumerate([4, 1, 3]):
        poison(sampler)
        dice = torch.Generator().manual_seed(seed)
        logits = mixed_logits(count, count, vocab, [torch.float32] * 3, dice)
        rows = mixed_rows(count, vocab, dice)
        out.tokens.fill_(-7)
        sampler.into([x.to(device) for x in logits], moved(rows, device), out)
        assert (out.tokens[count:] == -7).all()
        again = drawn(logits, rows, vocab, device, top=2, ranks=True, roles=True)
        front = {name: x[:count].cpu() for name, x in told(out).items()}
        assert_identical(SampleDraws(**front), again)


@on
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_rows_with_nothing_in_them_are_reported(device: str, bad: float) -> None:
    """Also where a whole part is so, or the last id alone."""
    logits = torch.randn(4, 4096, generator=torch.Generator().manual_seed(1))
    logits[0], logits[1, :2048], logits[2, 4095] = bad, bad, bad
    rows = SampleRows.plain(4, top_k=torch.tensor([0, 5, 0, 5], dtype=torch.int32))
    draws = drawn([logits], rows, 4096, device, **EVERYTHING)
    assert draws.finite.tolist() == [False, False, False, True]
    assert_same(draws, reference.proxy_sample([logits], rows, vocab=4096, **EVERYTHING))


@on
def test_without_filters_one_launch_does_it(device: str) -> None:
    dice = torch.Generator().manual_seed(5)
    logits = mixed_logits(6, 4, 300, [torch.float32] * 3, dice)
    plain = SampleRows.plain(6)
    off = {name: getattr(plain, name) for name in ("top_k", "top_p", "min_p")}
    rows = replace(mixed_rows(6, 300, dice), **off)
    assert_identical(
        drawn(logits, rows, 300, device, roles=True, filters=False),
        drawn(logits, rows, 300, device, roles=True),
    )


@on
def test_frequencies_are_the_distribution(device: str) -> None:
    count = 4000 if device == "cuda" else 120
    row = torch.tensor([0.0, 1.0, -1.0, 0.5])
    rows = SampleRows.plain(count, position=torch.arange(count, dtype=torch.int32))
    tokens = drawn([row.repeat(count, 1)], rows, 4, device, filters=False).tokens
    expected = row.double().softmax(0) * count
    assert chisquare(torch.bincount(tokens, minlength=4), expected)[1] > 0.01


def test_what_does_not_fit_is_refused() -> None:
    sampler = launch.TritonSampler(5, 2, "cpu")
    rows = SampleRows.plain(2)
    with pytest.raises(ValueError, match="float64"):
        sampler([torch.zeros(2, 5, dtype=torch.float64)], rows)
    with pytest.raises(ValueError, match="strides"):
        sampler([torch.zeros(5, 2).t()], rows)
    with pytest.raises(ValueError, match="at most 2"):
        sampler([torch.zeros(3, 5)], SampleRows.plain(3))
    with pytest.raises(ValueError, match="at least vocab=5"):
        sampler([torch.zeros(2, 4)], rows)
    with pytest.raises(ValueError, match="top_k"):
        sampler([torch.zeros(2, 5)], SampleRows.plain(2, top_k=torch.zeros(2)))
