"""float32 log and exp that have the same bits wherever they are computed.

Only IEEE multiplication, addition, comparison, conversion and integer operations, each rounded on
its own: a compiler must not contract them (`-ffp-contract=off`, Triton's `enable_fp_fusion=False`).
`docs/decisions/noise.md` derives them; `csrc/cpu/portable.h` says them again in C++.
"""

from __future__ import annotations

import torch
from torch import Tensor

LN2 = float.fromhex("0x1.62e430p-1")  # ln 2 as float32
LN2_HIGH = float.fromhex("0x1.62e400p-1")  # its first 15 bits: n * LN2_HIGH is exact for |n| < 512
LN2_LOW = float.fromhex("0x1.7f7d1cp-20")  # what they leave
LOG2_E = float.fromhex("0x1.715476p+0")
ROUNDER = 12582912.0  # 1.5 * 2**23: adding it rounds to a whole number, half to even
SQRT_HALF = 0x3F3504F3  # the bits of sqrt(1/2)
EXP_LOWEST = -87.0  # exp of less is 0: the result would leave the normal numbers

# (log(1 + f) - f) / f**2 for sqrt(1/2) <= 1 + f < sqrt(2); highest power first, error 2**-25
LOG_POLYNOMIAL = tuple(
    map(
        float.fromhex,
        (
            "0x1.65c766p-4",
            "-0x1.25049ap-3",
            "0x1.318526p-3",
            "-0x1.535d30p-3",
            "0x1.98d2c0p-3",
            "-0x1.00049ap-2",
            "0x1.5556f4p-2",
            "-0x1.fffffap-2",
        ),
    )
)
# (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2; highest power first, relative error 2**-28
EXP_POLYNOMIAL = tuple(
    map(
        float.fromhex,
        ("0x1.6a23cep-10", "0x1.123a20p-7", "0x1.5558f2p-5", "0x1.555492p-3", "0x1.fffffcp-2"),
    )
)


def horner(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """The polynomial's value, one multiplication and one addition at a time."""
    value = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x
        value = value + coefficient
    return value


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """n and f with x = 2**n * (1 + f) and sqrt(1/2) <= 1 + f < sqrt(2), for a normal x > 0.

    f is exact: 1 + f has the bits of x, and 1 from a number in [1/2, 2] leaves no rounding.
    """
    bits = x.view(torch.int32)
    power = (bits - SQRT_HALF) & -0x800000  # n in the exponent's place
    fraction = (bits - power).view(torch.float32)
    return power >> 23, fraction - 1.0


def minus_log(n: Tensor, f: Tensor) -> Tensor:
    """-log(2**n * (1 + f)) = n * -ln 2 - (f + f**2 * polynomial(f)); within 2 ulp."""
    tail = f * f
    tail = tail * horner(f, LOG_POLYNOMIAL)
    whole = n.to(torch.float32) * -LN2
    return whole - (f + tail)


def exp(x: Tensor) -> Tensor:
    """exp(x) for x <= 0, within 2 ulp; 0 below EXP_LOWEST, -inf included."""
    safe = x.clamp_min(EXP_LOWEST)
    rounded = safe * LOG2_E + ROUNDER
    n = rounded - ROUNDER
    r = safe - n * LN2_HIGH
    r = r - n * LN2_LOW
    tail = r * r
    tail = tail * horner(r, EXP_POLYNOMIAL)
    value = 1.0 + (r + tail)
    scale = ((n.to(torch.int32) + 127) << 23).view(torch.float32)
    return torch.where(x < EXP_LOWEST, 0.0, value * scale)
