"""A checkpoint's matrix brought to 8 bits on its way from the file."""

from __future__ import annotations

import torch

from proxyfuse.errors import WeightsError
from proxyfuse.models.pickled_file import Unpickled
from proxyfuse.models.safetensors_file import Stored
from proxyfuse_kernels.quantised import Quantised, quantise

WEIGHTS = 1 << 17  # that are wide at one time, in float32


def quantise_to(stored: Stored | Unpickled, place: Quantised) -> None:
    """Quantise [N, K] from the type that it is stored in, some rows at a time, where the place is.

    Raises `WeightsError` where the file ends too soon, or a weight is not finite.
    """
    inputs, done = place.shape[1], 0
    for piece in stored.pieces(step=inputs):
        there = piece.to(place.values.device).view(-1, inputs)
        for rows in torch.split(there, max(1, WEIGHTS // inputs)):
            try:
                packed = quantise(rows)
            except ValueError:
                got = "got numbers that are not finite, want none where weights are quantised"
                raise WeightsError(f"{stored.file}: {stored.name}: {got}") from None
            part = slice(done, done + len(rows))
            place.values[part], place.scales[part] = packed.values, packed.scales
            done += len(rows)
