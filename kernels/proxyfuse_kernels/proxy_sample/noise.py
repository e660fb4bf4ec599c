"""The noise: a standard Gumbel, a pure function of (seed, stream, position, token id).

Philox4x32-10 (Salmon, Moraes, Dror and Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011)
gives four 32-bit words a counter; four neighbouring token ids share one:

    key      = (seed's low word, seed's high word)
    counter  = (token id >> 2, position, stream, 0)
    bits     = word (token id & 3)

    v        = min((float(bits) + 1/2) * 2**-32, 1 - 2**-24)          0 < v < 1
    E        = -log1p(-v)                                             standard exponential
    gumbel   = -log(E)

Small v makes the large Gumbels that win, and there v has all of the 32 bits: the largest is
ln 2**33 = 22.87. Everything is float32 in portable operations; `docs/decisions/noise.md` says why.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample.portable import minus_log, split

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
WORD = 0xFFFFFFFF
LARGEST_GUMBEL = 22.875  # above every value that `gumbel` returns


def philox(
    counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Philox4x32-10. Words are int64 tensors in [0, 2**32) that broadcast against each other."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        high0, low0 = _multiply(c0, MULTIPLIERS[0])
        high1, low1 = _multiply(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + KEY_STEPS[0]) & WORD, (k1 + KEY_STEPS[1]) & WORD
    return c0, c1, c2, c3


def _multiply(word: Tensor, constant: int) -> tuple[Tensor, Tensor]:
    """The high and the low word of the product; int64 wraps, which loses none of its 64 bits."""
    product = word * constant
    return (product >> 32) & WORD, product & WORD


def random_bits(seed: Tensor, stream: Tensor, position: Tensor, vocab: int) -> Tensor:
    """Every token's bits: [S, vocab] int64 in [0, 2**32).  seed, stream, position [S] integers."""
    seed, stream, position = (t.to(torch.int64)[:, None] for t in (seed, stream, position))
    block = torch.arange((vocab + 3) // 4, dtype=torch.int64, device=seed.device)[None, :]
    counter = (block, position & WORD, stream & WORD, torch.zeros_like(block))
    words = philox(counter, (seed & WORD, (seed >> 32) & WORD))
    return torch.stack(words, dim=-1).flatten(1)[:, :vocab]


def gumbel(bits: Tensor) -> Tensor:
    """A standard Gumbel from 32 random bits: finite, from -2.82 to LARGEST_GUMBEL.  float32."""
    v = bits.to(torch.float32) + 0.5
    v = (v * 2.0**-32).clamp_max(1 - 2.0**-24)
    n, f = split(1.0 - v)
    f = torch.where(n == 0, -v, f)  # 1 - v lost the low bits of a small v; -v has them
    exponential = minus_log(n, f)
    return minus_log(*split(exponential))
