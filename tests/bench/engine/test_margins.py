"""The figures about drafts, against drafts whose law is known."""

from __future__ import annotations

import random
from itertools import product
from math import exp

import pytest
import torch

from bench.engine.margins import Draft, auc, drafts_of, figures
from proxyfuse_kernels.proxy_sample import SampleRows
from proxyfuse_kernels.proxy_sample.reference import proxy_sample


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = random.Random(0)
    held = [rng.random() < 0.6 for _ in range(60)]
    scores = [rng.gauss(float(one), 1) for one in held]
    good = [score for score, one in zip(scores, held, strict=True) if one]
    bad = [score for score, one in zip(scores, held, strict=True) if not one]
    pairs = [a > b for a, b in product(good, bad)]
    assert auc(scores, held) == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize("steepness", [0.8, 2.0, 5.0])
def test_the_steepness_is_found(steepness: float) -> None:
    rng, drafts = random.Random(1), []
    for _ in range(4000):
        margin = rng.expovariate(0.7)
        drafts.append(Draft(0.5, margin, rng.random() < 1 / (1 + exp(-steepness * margin))))
    found = figures(drafts)
    assert found["steepness"] == pytest.approx(steepness, rel=0.12)
    assert all(part["held"] == pytest.approx(part["fitted"], abs=0.06) for part in found["parts"])


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_drafts_are_what_the_sampler_draws(temperature: float) -> None:
    logits = torch.randn(12, 40, generator=torch.Generator().manual_seed(0)) * 2
    rows = SampleRows.plain(
        12,
        position=torch.arange(12, dtype=torch.int32),
        temperature=torch.full((12,), temperature),
        seed=torch.ones(12, dtype=torch.int64),
    )
    drawn = proxy_sample([logits], rows, vocab=40, margins=True)
    found = drafts_of(logits, drawn.tokens.tolist(), temperature)
    assert all(one.held for one in found)
    assert drawn.margins is not None
    assert [one.margin for one in found] == pytest.approx(drawn.margins.tolist(), abs=1e-5)
