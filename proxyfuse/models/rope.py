"""Rotary position embedding: which kind a model has, and its table of cosines and sines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from proxyfuse.models.fields import Fields

KINDS = ("default", "linear", "llama3", "yarn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rope:
    """The rotation's frequencies as data; which fields mean something depends on the kind."""

    kind: str  # one of KINDS
    theta: float = 10000.0
    factor: float = 1.0  # how much longer the context became; all but "default"
    original_positions: int = 0  # the context before it did; "llama3" and "yarn"
    low_freq_factor: float = 1.0  # "llama3": wavelengths beyond original/low are stretched,
    high_freq_factor: float = 4.0  # those below original/high are not
    beta_fast: float = 32.0  # "yarn": more turns than this in the original context: not stretched,
    beta_slow: float = 1.0  # fewer than this: stretched
    truncate: bool = True  # "yarn": the ramp between begins and ends on whole dimensions
    attention_factor: float = 1.0  # "yarn": multiplies cosines and sines


def read_rope(fields: Fields) -> Rope:
    """The rope of a config.json, spelled `rope_parameters` or `rope_scaling` with `rope_theta`.

    Raises `ModelError` for kinds outside `KINDS`, partial rotation and nonsense.
    """
    rope = fields.inside("rope_scaling" if fields.data.get("rope_scaling") else "rope_parameters")
    nested = [name for name, value in rope.data.items() if isinstance(value, dict)]
    if nested:
        raise rope.wrong(nested[0], rope.data[nested[0]], "one rope for all layers")
    for holder in (fields, rope):
        if holder.positive("partial_rotary_factor", 1.0) != 1.0:
            got = holder.data["partial_rotary_factor"]
            raise holder.wrong(
                "partial_rotary_factor", got, "1 (partial rotation is not supported)"
            )
    kind = rope.text("rope_type", rope.text("type", "default"))
    if kind not in KINDS:
        raise rope.wrong("rope_type", kind, f"one of {', '.join(KINDS)}")
    theta = rope.positive("rope_theta", fields.positive("rope_theta", 10000.0))
    if kind == "default":
        return Rope(kind=kind, theta=theta)
    if kind == "linear":
        return Rope(kind=kind, theta=theta, factor=rope.positive("factor"))
    positions = fields.whole("max_position_embeddings")
    beside = fields if fields.has("original_max_position_embeddings") else rope
    original = beside.whole("original_max_position_embeddings", positions)
    if kind == "llama3":
        return _read_llama3(rope, theta, original)
    return _read_yarn(rope, theta, original, positions)


def _read_llama3(rope: Fields, theta: float, original: int) -> Rope:
    low, high = rope.positive("low_freq_factor"), rope.positive("high_freq_factor")
    if high <= low:
        raise rope.wrong("high_freq_factor", high, f"more than low_freq_factor={low}")
    return Rope(
        kind="llama3",
        theta=theta,
        factor=rope.positive("factor"),
        original_positions=original,
        low_freq_factor=low,
        high_freq_factor=high,
    )


def _read_yarn(rope: Fields, theta: float, original: int, positions: int) -> Rope:
    """Its attention factor is given, or 0.1 m ln(factor) + 1 for the m that are given (0: none)."""
    factor = rope.positive("factor", positions / original)
    if theta == 1:
        raise rope.wrong("rope_theta", theta, "more than 1: frequencies that differ")
    growth = math.log(max(factor, 1.0))
    attention = 0.1 * growth + 1
    if rope.data.get("mscale") and rope.data.get("mscale_all_dim"):
        above, below = rope.positive("mscale"), rope.positive("mscale_all_dim")
        attention = (0.1 * above * growth + 1) / (0.1 * below * growth + 1)
    return Rope(
        kind="yarn",
        theta=theta,
        factor=factor,
        original_positions=original,
        beta_fast=rope.positive("beta_fast", 32.0),
        beta_slow=rope.positive("beta_slow", 1.0),
        truncate=rope.flag("truncate", True),
        attention_factor=rope.positive("attention_factor", attention),
    )


def rotation_table(rope: Rope, head_dim: int, positions: int) -> Tensor:
    """Cosines, then sines, of every position: [positions, 2, C/2] float32.

    Angles are rounded to float32 before their cosine is taken, as they were when the models were
    trained: at position 100,000 that moves an angle by up to 0.004.
    """
    angles = torch.arange(positions).float()[:, None] * inverse_frequencies(rope, head_dim)
    return torch.stack([angles.cos(), angles.sin()], dim=1) * rope.attention_factor


def inverse_frequencies(rope: Rope, head_dim: int) -> Tensor:
    """Radians per position of each pair of dimensions: [C/2] float32."""
    plain = 1.0 / rope.theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    stretched = plain / rope.factor
    if rope.kind == "llama3":
        turns = rope.original_positions / (2 * math.pi / plain)  # in the original context
        low, high = rope.low_freq_factor, rope.high_freq_factor
        kept = ((turns - low) / (high - low)).clamp(0, 1)
    elif rope.kind == "yarn":
        kept = 1 - _yarn_ramp(rope, head_dim)
    else:
        return stretched
    return stretched * (1 - kept) + plain * kept


def _yarn_ramp(rope: Rope, head_dim: int) -> Tensor:
    """How far each pair is stretched, 0 to 1: [C/2] (Peng et al. 2023, section 3.2)."""

    def dimension(turns: float) -> float:
        """The pair that makes this many turns within the original context."""
        wavelength = rope.original_positions / (turns * 2 * math.pi)
        return head_dim * math.log(wavelength) / (2 * math.log(rope.theta))

    first, last = dimension(rope.beta_fast), dimension(rope.beta_slow)
    if rope.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, head_dim - 1)
    last = last + 0.001 if first == last else last  # a ramp of no width is a step
    return ((torch.arange(head_dim // 2) - first) / (last - first)).clamp(0, 1)
