"""How the demo's models were made: stage after stage, each from the weights of one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .data import DISTILLED, DISTILLED_CODE, DOMAIN, GENERAL, MORE_CODE, STEERED
from .trainer import Stage

# of the expert's stages, and of those in which the antiexpert learns to stand beside it
_EXPERT: Mapping[str, Any] = {"matrix_lr": 0.01, "vector_lr": 2e-3, "warm_up": 40}
_BESIDE: Mapping[str, Any] = {"teacher": "base", "matrix_lr": 0.008, "vector_lr": 1e-3}

_IN_ORDER = (
    Stage("seed", GENERAL, steps=1100, seed=1, warm_up=33),
    Stage("domain", DOMAIN, steps=700, seed=2, start="seed", matrix_lr=0.01, warm_up=21),
    Stage("expert-1", MORE_CODE, steps=2600, seed=6, start="domain", **_EXPERT),
    Stage(
        "base",
        GENERAL,
        steps=400,
        seed=3,
        start="seed",
        matrix_lr=0.012,
        vector_lr=2e-3,
        warm_up=40,
        cool_down=0.5,
    ),
    Stage(
        "tuned", DOMAIN, steps=500, seed=4, start="base", matrix_lr=0.01, warm_up=20, cool_down=0.5
    ),
    Stage(
        "pupil",
        DISTILLED,
        steps=750,
        seed=5,
        start="seed",
        teacher="base",
        matrix_lr=0.015,
        vector_lr=2e-3,
        warm_up=20,
    ),
    Stage(
        "antiexpert-1",
        DISTILLED_CODE,
        steps=1100,
        seed=7,
        start="pupil",
        teacher="base",
        matrix_lr=0.012,
        vector_lr=1.5e-3,
    ),
    Stage("expert-2", MORE_CODE, steps=1800, seed=8, start="expert-1", **_EXPERT),
    Stage(
        "antiexpert-2",
        STEERED,
        steps=1000,
        seed=9,
        start="antiexpert-1",
        steered="expert-1",
        **_BESIDE,
    ),
    Stage("expert", MORE_CODE, steps=2200, seed=10, start="expert-2", **_EXPERT),
    Stage(
        "antiexpert",
        STEERED,
        steps=900,
        seed=11,
        start="antiexpert-2",
        steered="expert-2",
        **_BESIDE,
    ),
)
STAGES = {stage.name: stage for stage in _IN_ORDER}
