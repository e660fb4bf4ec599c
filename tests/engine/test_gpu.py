"""The same text on a GPU: run by `make gpu`, where there is one."""

from __future__ import annotations

import random

import pytest
import torch

from proxyfuse import SamplingParams

pytestmark = pytest.mark.gpu


def test_greedy_and_drawn_text_is_that_of_the_cpu(trio, open_llm) -> None:
    assert torch.cuda.is_available(), "want a CUDA device: these tests are for machines with one"
    rng = random.Random(8)
    prompts = [[rng.randrange(1, 293) for _ in range(rng.randrange(1, 30))] for _ in range(8)]
    for params in (SamplingParams(temperature=0), SamplingParams(temperature=0.9, seed=3)):
        texts = [
            [o.outputs[0].token_ids for o in llm.generate(prompts, params, use_tqdm=False)]
            for llm in (open_llm(trio), open_llm(trio, device="cuda"))
        ]
        assert texts[0] == texts[1]
