"""The same text on a GPU: run by `make gpu`, where there is one."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from proxyfuse import SamplingParams
from proxyfuse.trio import Role, Trio

pytestmark = pytest.mark.gpu

RNG = random.Random(8)
PROMPTS = [[RNG.randrange(1, 293) for _ in range(RNG.randrange(1, 30))] for _ in range(8)]
KINDS = {
    "greedy": SamplingParams(temperature=0, max_tokens=24),
    "drawn": SamplingParams(temperature=0.9, seed=3, top_p=0.9, max_tokens=24),
    "penalised": SamplingParams(temperature=0.7, seed=4, frequency_penalty=0.5, max_tokens=12),
    "base alone": SamplingParams(temperature=0.7, seed=5, alpha=0.0, max_tokens=12),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "eager": {"enforce_eager": True, "speculate": 0},
    "eager, drafts": {"enforce_eager": True, "speculate": 4},
    "graphs": {"speculate": 0},
    "graphs, drafts": {"speculate": 4},
    "grouped": {"speculate": 0, "max_num_seqs": 8, "proxies": "grouped"},
    "grouped, eager, drafts": {"enforce_eager": True, "speculate": 4, "proxies": "grouped"},
    "as measured": {"speculate": 0, "max_num_seqs": 4, "proxies": "auto"},
    "graphs, few rows": {"speculate": 4, "max_num_seqs": 3, "max_num_batched_tokens": 24},
}


@pytest.fixture(scope="module", autouse=True)
def gpu() -> None:
    assert torch.cuda.is_available(), "want a CUDA device: these tests are for machines with one"


def written(llm: Any) -> dict[str, list[list[int]]]:
    return {
        name: [o.outputs[0].token_ids for o in llm.generate(PROMPTS, params, use_tqdm=False)]
        for name, params in KINDS.items()
    }


@pytest.mark.parametrize("setting", SETTINGS)
def test_text_is_that_of_the_cpu(trio, open_llm, setting: str) -> None:
    wanted = written(open_llm(trio, speculate=0))
    assert written(open_llm(trio, device="cuda", **SETTINGS[setting])) == wanted


@pytest.mark.parametrize("eager", [True, False], ids=["eager", "graphs"])
def test_drafts_that_are_kept_change_nothing(trio, open_llm, eager: bool) -> None:
    """Where the base is its own expert most drafts hold; strangers lose all of them."""
    alike = Trio({**trio, Role.EXPERT: trio[Role.BASE]})
    wanted = written(open_llm(alike, speculate=0))
    llm = open_llm(alike, device="cuda", speculate=4, enforce_eager=eager)
    assert written(llm) == wanted
    assert llm.metrics.accepted > 0


def test_a_graph_writes_the_same_again_and_again(trio, open_llm) -> None:
    llm = open_llm(trio, device="cuda", speculate=4)
    first = written(llm)
    assert all(written(llm) == first for _ in range(3))
