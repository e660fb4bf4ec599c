"""portable.py and noise.py again, in Triton: the same bits, provided that nothing is contracted.

Kernels that call these are launched with `enable_fp_fusion=False`.
"""

import triton
import triton.language as tl

from proxyfuse_kernels.proxy_sample import noise, portable

LOG = tl.constexpr(portable.LOG_POLYNOMIAL)
EXP = tl.constexpr(portable.EXP_POLYNOMIAL)
LOG_TERMS = tl.constexpr(len(portable.LOG_POLYNOMIAL))
EXP_TERMS = tl.constexpr(len(portable.EXP_POLYNOMIAL))
LN2 = tl.constexpr(portable.LN2)
LN2_HIGH = tl.constexpr(portable.LN2_HIGH)
LN2_LOW = tl.constexpr(portable.LN2_LOW)
LOG2_E = tl.constexpr(portable.LOG2_E)
ROUNDER = tl.constexpr(portable.ROUNDER)
SQRT_HALF = tl.constexpr(portable.SQRT_HALF)
EXP_LOWEST = tl.constexpr(portable.EXP_LOWEST)
HIGH = tl.constexpr(noise.MULTIPLIERS[0])
LOW = tl.constexpr(noise.MULTIPLIERS[1])
KEY_HIGH = tl.constexpr(noise.KEY_STEPS[0])
KEY_LOW = tl.constexpr(noise.KEY_STEPS[1])
ROUNDS = tl.constexpr(noise.ROUNDS)
LARGEST_V = tl.constexpr(1 - 2.0**-24)
MARGIN = tl.constexpr(2.0**-10)  # above every rounding in an upper bound of the noise


@triton.jit
def horner(x, coefficients: tl.constexpr, COUNT: tl.constexpr):
    value = x * coefficients[0] + coefficients[1]
    for i in tl.static_range(2, COUNT):
        value = value * x + coefficients[i]
    return value


@triton.jit
def split(x):
    bits = x.to(tl.int32, bitcast=True)
    power = (bits - SQRT_HALF) & -0x800000
    fraction = (bits - power).to(tl.float32, bitcast=True)
    return power >> 23, fraction - 1.0


@triton.jit
def minus_log(n, f):
    tail = f * f
    tail = tail * horner(f, LOG, LOG_TERMS)
    whole = n.to(tl.float32) * -LN2
    return whole - (f + tail)


@triton.jit
def exp(x):
    safe = tl.maximum(x, EXP_LOWEST)
    rounded = safe * LOG2_E + ROUNDER
    n = rounded - ROUNDER
    r = safe - n * LN2_HIGH
    r = r - n * LN2_LOW
    tail = r * r
    tail = tail * horner(r, EXP, EXP_TERMS)
    value = 1.0 + (r + tail)
    scale = ((n.to(tl.int32) + 127) << 23).to(tl.float32, bitcast=True)
    return tl.where(x < EXP_LOWEST, 0.0, value * scale)


@triton.jit
def log(x):
    """log x for a normal x > 0, within 2 ulp."""
    n, f = split(x)
    return -minus_log(n, f)


@triton.jit
def philox(block, position, stream, seed):
    """The four words of each counter.  block: uint32, position, stream uint32, seed int64."""
    k0, k1 = seed.to(tl.uint32), (seed >> 32).to(tl.uint32)
    c0, c3 = block, block * 0
    c1, c2 = c3 + position, c3 + stream
    for _ in tl.static_range(ROUNDS):
        a = c0.to(tl.uint64) * HIGH
        b = c2.to(tl.uint64) * LOW
        c0 = (b >> 32).to(tl.uint32) ^ c1 ^ k0
        c2 = (a >> 32).to(tl.uint32) ^ c3 ^ k1
        c1, c3 = b.to(tl.uint32), a.to(tl.uint32)
        k0, k1 = k0 + KEY_HIGH, k1 + KEY_LOW
    return c0, c1, c2, c3


@triton.jit
def random_bits(first, position, stream, seed, COUNT: tl.constexpr):
    """The words of ids [first, first + COUNT), in order.  first and COUNT are multiples of 4."""
    block = (first // 4 + tl.arange(0, COUNT // 4)).to(tl.uint32)
    w0, w1, w2, w3 = philox(block, position.to(tl.uint32), stream.to(tl.uint32), seed)
    return tl.interleave(tl.interleave(w0, w2), tl.interleave(w1, w3))


@triton.jit
def random_word(id, position, stream, seed):
    """The word of one id."""
    block = (id // 4).to(tl.uint32)
    w0, w1, w2, w3 = philox(block, position.to(tl.uint32), stream.to(tl.uint32), seed)
    odd = id & 1 == 1
    return tl.where(id & 2 == 2, tl.where(odd, w3, w2), tl.where(odd, w1, w0))


@triton.jit
def gumbel(bits):
    v = bits.to(tl.float32) + 0.5
    v = tl.minimum(v * 2.0**-32, LARGEST_V)
    n, f = split(1.0 - v)
    f = tl.where(n == 0, -v, f)
    exponential = minus_log(n, f)
    n, f = split(exponential)
    return minus_log(n, f)


@triton.jit
def at_most(bits):
    """A bound that the Gumbel of these bits does not exceed, from the chip's quick logarithm.

    -log(-log1p(-v)) <= -log v, and close to it where v is small: where draws are decided.
    """
    return (32.0 - tl.log2(bits.to(tl.float32) + 0.5)) * LN2 + MARGIN
