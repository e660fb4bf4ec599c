"""top-k, top-p and min-p, one after the other as Hugging Face's warpers, on integer masses.

A token's weight is exp(x - max), its mass the weight in units of 2**-40, cut to a whole number.
Whole numbers add up to the same sum in any order, so every version keeps the same set.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample.portable import exp

MASS = 2.0**40  # the mass of the likeliest token


def kept(scaled: Tensor, top_k: int, top_p: float, min_p: float) -> Tensor:
    """Which ids survive: [V] bool.  scaled [V] float32, no NaN, one value above -inf.

    top-k keeps ties with the k-th value, top-p ranks equal values by id, the likeliest stays.
    """
    keep = scaled > -math.inf
    if 0 < top_k < scaled.numel():
        keep &= scaled >= scaled.topk(top_k).values[-1]
    weight = exp(scaled - scaled.max())
    if top_p < 1:
        keep &= nucleus(scaled, torch.where(keep, (weight * MASS).to(torch.int64), 0), top_p)
    if min_p > 0:
        keep &= weight >= min_p
    return keep


def nucleus(scaled: Tensor, mass: Tensor, top_p: float) -> Tensor:
    """The likeliest ids whose predecessors weigh less than top_p of the whole.  mass [V] int64."""
    order = scaled.sort(descending=True, stable=True).indices
    before = mass[order].cumsum(0) - mass[order]
    reach = max(1, math.ceil(top_p * float(mass.sum())))
    return torch.zeros_like(mass, dtype=torch.bool).scatter_(0, order, before < reach)
