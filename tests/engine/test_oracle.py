"""The engine against the oracle: random crowds under pools so small that everything happens."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from proxyfuse import LLM, Prompt, RequestOutput, SamplingParams, reference
from proxyfuse.trio import Role, Trio
from tests.engine.crowd import TINY, random_params, random_prompt

CROWD = 24


def expected(llm: LLM, prompt: Prompt, params: SamplingParams, stream: int) -> reference.Written:
    loaded = llm._loaded
    models = loaded.runner.decoders.map(lambda d: reference.Model(d.config, d.weights))
    assert params.seed is not None
    return reference.write(
        models,
        Trio({role: prompt.of(role) for role in Role}),
        params,
        seed=params.seed,
        vocab=loaded.limits.vocab,
        max_model_len=loaded.limits.max_model_len,
        stream=stream,
    )


def check(llm: LLM, prompt: Prompt, params: SamplingParams, output: RequestOutput) -> None:
    assert [item.index for item in output.outputs] == list(range(params.n))
    for item in output.outputs:
        want = expected(llm, prompt, params, item.index)
        assert item.token_ids == want.token_ids
        assert item.finish_reason == want.finish_reason
        assert item.cumulative_logprob == pytest.approx(sum(want.logprobs), abs=1e-3)
        if item.logprobs is not None:
            found = [row[token] for row, token in zip(item.logprobs, item.token_ids, strict=True)]
            assert [one.logprob for one in found] == pytest.approx(want.logprobs, abs=1e-3)


SETTINGS: dict[str, dict[str, Any]] = {
    "ample": {"kv_cache_bytes": 1 << 22},
    "ample, no prefix cache": {"kv_cache_bytes": 1 << 22, "enable_prefix_caching": False},
    "tiny": TINY,
    "tiny, no prefix cache": {**TINY, "enable_prefix_caching": False},
    "one row a step": {"page_size": 1, "max_num_batched_tokens": 1, "max_num_seqs": 3},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_random_crowd_is_written_as_the_oracle_writes_it(
    trio, open_llm, setting: str, seed: int
) -> None:
    rng = random.Random(seed)
    llm = open_llm(trio, **SETTINGS[setting])
    shared = [rng.randrange(1, 293) for _ in range(15)]
    prompts = [random_prompt(rng, shared) for _ in range(CROWD)]
    params = [random_params(rng) for _ in prompts]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    for asked in zip(prompts, params, outputs, strict=True):
        check(llm, *asked)


def test_the_tiny_pool_preempts_and_evicts(trio, open_llm) -> None:
    """Guards the test above: under these settings the hard cases do happen."""
    llm = open_llm(trio, **TINY)
    plans = []
    launch = llm._loaded.runner.launch
    llm._loaded.runner.launch = lambda plan, *how: (plans.append(plan), launch(plan, *how))[1]
    rng = random.Random(0)
    prompts = [[rng.randrange(1, 293) for _ in range(14)] for _ in range(8)]
    llm.generate(prompts, SamplingParams(max_tokens=16, ignore_eos=True), use_tqdm=False)
    assert any(plan.preempted for plan in plans)
    assert any(len(plan.slices.base) > 1 for plan in plans)


def test_scores_are_the_oracle_s(trio, open_llm) -> None:
    llm = open_llm(trio, **TINY)
    rng = random.Random(3)
    shared = [rng.randrange(1, 293) for _ in range(9)]
    prompts = [random_prompt(rng, shared) for _ in range(6)]
    given = [[rng.randrange(293) for _ in range(rng.randrange(1, 9))] for _ in prompts]
    for alpha in (0.0, 1.0, -0.7):
        scores = llm.score(prompts, given, alpha=alpha, use_tqdm=False)
        for prompt, tokens, score in zip(prompts, given, scores, strict=True):
            lanes = Trio({role: prompt.of(role) for role in Role})
            for at, token in enumerate(tokens):
                rows = oracle_rows(llm, lanes, tokens[:at])
                base, expert, antiexpert = (row.log_softmax(-1)[token] for row in rows)
                fused = (rows[0] + alpha * (rows[1] - rows[2])).log_softmax(-1)[token]
                assert score.fused[at] == pytest.approx(float(fused), abs=1e-4)
                assert score.base[at] == pytest.approx(float(base), abs=1e-4)
                assert score.expert[at] == pytest.approx(float(expert), abs=1e-4)
                assert score.antiexpert[at] == pytest.approx(float(antiexpert), abs=1e-4)


def oracle_rows(llm: LLM, lanes: Trio[Any], written: list[int]) -> list[torch.Tensor]:
    vocab = llm._loaded.limits.vocab
    decoders = llm._loaded.runner.decoders
    return [
        reference.next_logits(d.config, d.weights, [*lanes[role], *written])[:vocab]
        for role, d in decoders.items()
    ]
