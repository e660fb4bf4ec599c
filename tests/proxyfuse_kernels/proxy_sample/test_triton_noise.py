"""The Triton noise and exp have the bits of the plain ones, and a bound is a bound."""

from __future__ import annotations

import pytest
import torch

from proxyfuse_kernels.proxy_sample import noise, portable

pytest.importorskip("triton")
import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample.jit.noise import at_most, exp, gumbel, random_bits, random_word

interpreted = pytest.mark.skipif(not triton.knobs.runtime.interpret, reason="triton compiles here")
on = pytest.mark.parametrize(
    "device",
    [pytest.param("cpu", marks=interpreted), pytest.param("cuda", marks=pytest.mark.gpu)],
)
COUNT = 4096


@triton.jit
def _gumbels(bits, values, bounds, COUNT: tl.constexpr):
    at = tl.arange(0, COUNT)
    word = tl.load(bits + at).to(tl.uint32)
    tl.store(values + at, gumbel(word))
    tl.store(bounds + at, at_most(word))


@triton.jit
def _exps(x, out, COUNT: tl.constexpr):
    at = tl.arange(0, COUNT)
    tl.store(out + at, exp(tl.load(x + at)))


@triton.jit
def _bits(seed, stream, position, first, out, one, COUNT: tl.constexpr):
    at = tl.arange(0, COUNT)
    of = tl.load(position), tl.load(stream), tl.load(seed)
    tl.store(out + at, random_bits(first, of[0], of[1], of[2], COUNT).to(tl.int64))
    for i in range(8):
        tl.store(one + i, random_word(first + i, of[0], of[1], of[2]).to(tl.int64))


@on
def test_gumbels_have_the_same_bits_and_stay_below_their_bound(device: str) -> None:
    """Over both ends, where v is tiny and where it is nearly 1, and over the middle."""
    half = torch.arange(COUNT // 4)
    middle = torch.randint(2**32, (COUNT // 2,), generator=torch.Generator().manual_seed(0))
    bits = torch.cat([half, 2**32 - 1 - half, middle])
    values, bounds = (torch.empty(COUNT, device=device) for _ in range(2))
    _gumbels[(1,)](bits.to(device), values, bounds, COUNT=COUNT, enable_fp_fusion=False)
    assert torch.equal(values.cpu(), noise.gumbel(bits))
    assert (bounds > values).all()
    likely = values > 5  # where draws are decided, the bound is close
    assert (bounds - values)[likely].max() < 0.005


@on
def test_exp_has_the_same_bits(device: str) -> None:
    x = -torch.rand(COUNT, generator=torch.Generator().manual_seed(1)) * 90
    x[:5] = torch.tensor([0.0, -0.0, -87.0, -88.0, -torch.inf])
    out = torch.empty(COUNT, device=device)
    _exps[(1,)](x.to(device), out, COUNT=COUNT, enable_fp_fusion=False)
    assert torch.equal(out.cpu(), portable.exp(x))


@on
@pytest.mark.parametrize("seed", [0, -1, 2**62 + 12345, -(2**63)])
def test_words_are_those_of_philox(device: str, seed: int) -> None:
    at = [torch.tensor([seed])] + [torch.tensor([n], dtype=torch.int32) for n in (3, 2**31 - 1)]
    out = torch.empty(COUNT, dtype=torch.int64, device=device)
    one = torch.empty(8, dtype=torch.int64, device=device)
    first = 149504
    _bits[(1,)](*(x.to(device) for x in at), first, out, one, COUNT=COUNT)
    expected = noise.random_bits(*at, first + COUNT)[0, first:]
    assert torch.equal(out.cpu(), expected) and torch.equal(one.cpu(), expected[:8])
