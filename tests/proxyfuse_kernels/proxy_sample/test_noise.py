"""The noise against the published generator, against float64, and against Gumbel's distribution."""

from __future__ import annotations

import random

import pytest
import torch
from scipy import stats

from proxyfuse_kernels.proxy_sample.noise import LARGEST_GUMBEL, gumbel, philox, random_bits

ALL = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
KNOWN_ANSWERS = [  # Random123's known-answer file: counter, key, result
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL,) * 4, (ALL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (PI[:4], PI[4:], (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


@pytest.mark.parametrize("counter, key, expected", KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    words = philox(tuple(map(torch.tensor, counter)), tuple(map(torch.tensor, key)))
    assert tuple(map(int, words)) == expected


def scalar_bits(seed: int, stream: int, position: int, token: int) -> int:
    """One token's bits in Python's own integers."""
    c = [token >> 2, position, stream, 0]
    k = [seed & ALL, seed >> 32 & ALL]
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & ALL, (a >> 32) ^ c[3] ^ k[1], a & ALL]
        k = [(k[0] + 0x9E3779B9) & ALL, (k[1] + 0xBB67AE85) & ALL]
    return c[token & 3]


def test_bits_are_a_function_of_seed_stream_position_and_id() -> None:
    dice = random.Random(0)
    for _ in range(3):
        seed, stream, position = (
            dice.getrandbits(64) - 2**63,
            dice.getrandbits(20),
            dice.getrandbits(20),
        )
        bits = random_bits(*(torch.tensor([x]) for x in (seed, stream, position)), vocab=151_938)
        assert bits.shape == (1, 151_938)
        for token in (0, 1, 2, 3, 4, 151_937, dice.randrange(151_938)):
            assert bits[0, token] == scalar_bits(seed, stream, position, token)


def test_gumbel_is_accurate_up_to_its_largest_value() -> None:
    ends = torch.arange(1 << 16)
    middle = torch.randint(2**32, (2_000_000,), generator=torch.Generator().manual_seed(0))
    bits = torch.cat([ends, 2**32 - 1 - ends, middle])
    noise = gumbel(bits)
    v = ((bits.double() + 0.5) * 2.0**-32).clamp_max(1 - 2.0**-24)
    truth = -torch.log(-torch.log1p(-v))
    assert noise.isfinite().all()
    assert noise.max() == noise[0] and 22.87 < noise[0] < LARGEST_GUMBEL
    upper = bits < 2**31  # above the middle v itself is rounded, which is not the logarithm's error
    assert (noise - truth).abs()[upper].max() < 2e-6  # one unit in the last place of 22.9
    assert (noise - truth).abs().max() < 5e-2  # at -2.8, where v has 24 bits


def test_noise_is_gumbel_distributed() -> None:
    seeds = torch.arange(64) * 0x9E3779B97F4A7C15 % 2**62
    zero = torch.zeros_like(seeds)
    noise = gumbel(random_bits(seeds, zero, zero, 5000)).flatten()
    assert stats.kstest(noise.numpy(), "gumbel_r").pvalue > 1e-3
    assert stats.kstest(noise.numpy() * 1.01, "gumbel_r").pvalue < 1e-3


@pytest.mark.parametrize("neighbour", ["seed", "stream", "position"])
def test_neighbouring_rows_have_independent_noise(neighbour: str) -> None:
    count, vocab = 200, 1000
    columns = {
        name: torch.zeros(count, dtype=torch.int64) for name in ("seed", "stream", "position")
    }
    columns[neighbour] = torch.arange(count)
    noise = gumbel(random_bits(**columns, vocab=vocab)).double()
    noise = (noise - noise.mean()) / noise.std()
    rows = (noise[1:] * noise[:-1]).mean() * ((count - 1) * vocab) ** 0.5
    ids = (noise[:, 1:] * noise[:, :-1]).mean() * (count * (vocab - 1)) ** 0.5
    assert abs(rows) < 4 and abs(ids) < 4  # standard deviations
