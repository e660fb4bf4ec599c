"""What a recorded tensor must be, checked once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # DType in csrc/cpu/ops.h


def expect(
    name: str,
    x: Tensor,
    shape: tuple[int | None, ...],
    dtypes: Iterable[torch.dtype],
    *,
    dense: bool = False,
) -> int:
    """The address of a CPU tensor of this shape (None: any size) and type, its rows contiguous.

    Raises ValueError, with what was got and what was wanted, for any other; `dense` asks that the
    whole of it be contiguous.
    """
    fits = len(x.shape) == len(shape) and all(
        want in (None, got) for got, want in zip(x.shape, shape, strict=True)
    )
    dtypes = tuple(dtypes)
    if not fits or x.dtype not in dtypes or x.device.type != "cpu":
        got = f"{tuple(x.shape)} {x.dtype} on {x.device}"
        raise ValueError(f"{name}: got {got}, want {shape} of {dtypes} on cpu")
    if not (x.is_contiguous() if dense else x.shape[-1] < 2 or x.stride(-1) == 1):
        want = "a contiguous tensor" if dense else "contiguous rows"
        raise ValueError(f"{name}: got strides {x.stride()}, want {want}")
    return x.data_ptr()
