"""Who decides in random trios, by heads as loud as theirs over states as large as norms leave."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.engine.random_weights import LOUDNESS
from bench.engine.trios import QUIET, SHAPES, SOFT

ROWS = 128


@pytest.mark.parametrize(("quiet", "least", "most"), [(QUIET, 0.8, 1.0), (SOFT, 0.4, 0.8)])
@pytest.mark.parametrize("name", ["mid", "llama2-70b+7b"])
def test_the_expert_decides_as_often_as_meant(
    name: str, quiet: float, least: float, most: float
) -> None:
    """Nearly always where drafts are timed; where they are checked, often and not always."""
    its, generator = SHAPES[name], torch.Generator().manual_seed(0)

    def logits(width: int, loud: float) -> Tensor:  # [ROWS, V]
        rows = torch.empty(ROWS, its.vocab)
        return rows.normal_(std=LOUDNESS * loud * width**0.5, generator=generator)

    expert = logits(its.proxy.width, 1.0)
    fused = logits(its.base.width, quiet) + expert - logits(its.proxy.width, quiet)
    decides = float((fused.argmax(-1) == expert.argmax(-1)).float().mean())
    assert least < decides < most
