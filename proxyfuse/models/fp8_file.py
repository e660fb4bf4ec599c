"""A checkpoint's matrix that is in e4m3 already: its bytes and its scales, as they are."""

from __future__ import annotations

from collections.abc import Collection

import torch

from proxyfuse.errors import WeightsError
from proxyfuse.models.pickled_file import Unpickled
from proxyfuse.models.safetensors_file import Stored
from proxyfuse_kernels.quantised import Quantised

E4M3 = torch.float8_e4m3fn
NAN = 0x7F  # but for the sign; kernels that widen by shifting would take it for 480
STRIPE = 1 << 19  # bytes that are looked through at one time
SCALES = (torch.float32, torch.bfloat16, torch.float16)  # types that float32 holds exactly


def scale_of(weight: str) -> str:
    """The name of a matrix's scales."""
    return f"{weight}_scale"


def check_scale(scale: Stored | Unpickled, outputs: int, scaling: Collection[str]) -> None:
    """Raise `WeightsError` for scales of another shape or type than `scaling` has them in."""
    shapes = [(outputs, 1)] * ("channel" in scaling) + [(1,), ()] * ("tensor" in scaling)
    if scale.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise WeightsError(f"{scale.file}: {scale.name}: got shape {scale.shape}, want {wanted}")
    if scale.dtype not in SCALES:
        wanted = "a type that float32 holds"
        raise WeightsError(f"{scale.file}: {scale.name}: got {scale.dtype}, want {wanted}")


def copy_fp8(stored: Stored | Unpickled, scale: Stored | Unpickled, place: Quantised) -> None:
    """Fill a place [N, K] with the file's bytes, and with its scales, or one of them N times.

    Raises `WeightsError` where the file ends too soon, a weight is NaN, or a scale is none.
    """
    stored.copy_to(place.values)
    whole = place.values.view(torch.uint8)
    for rows in torch.split(whole, max(1, STRIPE // whole.shape[1])):
        if (rows & NAN).max() == NAN:
            raise WeightsError(f"{stored.file}: {stored.name}: got NaN, want finite weights")
    scales = torch.empty(scale.shape)
    scale.copy_to(scales)
    wrong = scales[~(scales.isfinite() & (scales > 0))]
    if len(wrong):
        got = f"got a scale of {wrong[0].item():g}, want finite ones above 0"
        raise WeightsError(f"{scale.file}: {scale.name}: {got}")
    place.scales.copy_(scales.view(-1))
