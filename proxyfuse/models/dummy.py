"""Weights drawn on the device that they are for: a shape's speed is known without a checkpoint.

A folder's config.json says which weights there are. Their text means nothing.
"""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

from proxyfuse.errors import ConfigError
from proxyfuse.models.config import ModelConfig
from proxyfuse.models.fields import read_json
from proxyfuse.models.weights import Weights, allocate_weights, places
from proxyfuse.trio import Role
from proxyfuse_kernels.quantised import MOST, Quantised, Weight

LOAD_FORMATS = ("auto", "dummy")  # from the folder's files; drawn
SPREAD = 0.02  # standard deviation where config.json has no initializer_range, as transformers has
PIECE = 1 << 20  # numbers that are wide at one time, in float32
REACH = 5.0  # standard deviations that e4m3's largest number stands for
UNEVEN = (0.5, 1.5)  # a row's scale, of the usual one: a row in another's place then shows


def seed_of(load_format: str, role: Role) -> int | None:
    """What a role's weights are drawn from; None where its files are read. Raises `ConfigError`."""
    if load_format not in LOAD_FORMATS:
        wanted = f"one of {', '.join(LOAD_FORMATS)}"
        raise ConfigError(f"load_format: got {load_format!r:.80}, want {wanted}")
    return int(role) if load_format == "dummy" else None


def drawn_narrow(config: ModelConfig, quantization: str | None) -> frozenset[str]:
    """Names of the matrices that are drawn in 8 bits: every product's, or none."""
    if quantization is None and not config.scaling:
        return frozenset()
    meta = allocate_weights(config, torch.float32, "meta")
    return frozenset(name for name, _ in places(meta, config) if name.endswith("_proj.weight"))


def draw(weights: Weights, folder: Path, config: ModelConfig, seed: int) -> Weights:
    """Fill them: norms are one, all else is normal with the `initializer_range` of config.json.

    Each tensor has noise of its own, by its name: on one kind of device it is the same whatever
    type it is rounded to and wherever it lies. Needs a few megabytes beside the weights. Raises
    `ModelError` for an `initializer_range` that is not above 0.
    """
    spread = read_json(folder / "config.json").positive("initializer_range", SPREAD)
    its = dict(places(weights, config))
    device = _values(next(iter(its.values()))).device
    wide = torch.empty(PIECE, device=device)  # one: many that come and go leave holes in a heap
    for name, place in its.items():
        if name.endswith("norm.weight"):
            assert isinstance(place, Tensor)
            place.fill_(1.0)
        else:
            _draw(place, spread, crc32(f"{seed} {name}".encode()), wide)
    return weights


def _values(place: Weight) -> Tensor:
    return place.values if isinstance(place, Quantised) else place


def _draw(place: Weight, spread: float, seed: int, wide: Tensor) -> None:
    """In 8 bits nearly all that e4m3 has is used, and scales bring it back to `spread`."""
    values = _values(place)
    generator = torch.Generator(values.device).manual_seed(seed)
    if isinstance(place, Quantised):
        place.scales.uniform_(*UNEVEN, generator=generator).mul_(spread * REACH / MOST)
        spread = MOST / REACH
    for part in torch.split(values.view(-1), PIECE):
        drawn = wide[: len(part)].normal_(std=spread, generator=generator)
        part.copy_(drawn.clamp_(-MOST, MOST))
