"""A sequence's tokens depend on its own prompt, parameters and seed, and on nothing else."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from proxyfuse import Prompt, SamplingParams
from proxyfuse.trio import Role, Trio
from tests import hf_loop

RNG = random.Random(11)
MINE = [RNG.randrange(1, 293) for _ in range(23)]
PARAMS = SamplingParams(temperature=1.2, top_p=0.9, seed=77, max_tokens=24, n=2, ignore_eos=True)
CROWD = [[RNG.randrange(1, 293) for _ in range(RNG.randrange(1, 40))] for _ in range(20)]

CIRCUMSTANCES: dict[str, dict[str, Any]] = {
    "chunked": {"max_num_batched_tokens": 5},
    "small pages": {"page_size": 1},
    "large pages": {"page_size": 64},
    "no prefix cache": {"enable_prefix_caching": False},
    "preempted": {"page_size": 2, "kv_cache_bytes": 60_000, "max_num_seqs": 6},
    "two threads": {"num_threads": 2},
    "another engine seed": {"seed": 99},
}


def texts(llm: Any, prompts: list[Any], params: Any = PARAMS) -> list[list[int]]:
    return [o.token_ids for o in llm.generate(prompts, params, use_tqdm=False)[0].outputs]


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES)
def test_the_same_seed_writes_the_same_text(trio, open_llm, circumstance: str) -> None:
    want = texts(open_llm(trio), [MINE])
    assert want[0] != want[1]
    llm = open_llm(trio, **CIRCUMSTANCES[circumstance])
    others = SamplingParams(temperature=1.0, max_tokens=20, ignore_eos=True)
    crowd = [MINE, *CROWD]
    assert texts(llm, crowd, [PARAMS] + [others] * len(CROWD)) == want, "in a crowd"
    assert texts(llm, [MINE]) == want, "after a prefix-cache hit"


def test_requests_without_a_seed_follow_the_engine_s(trio, open_llm) -> None:
    loose = SamplingParams(max_tokens=12, ignore_eos=True)
    first = [texts(open_llm(trio, seed=4), [MINE], loose) for _ in range(2)]
    assert first[0] == first[1]
    assert first[0] != texts(open_llm(trio, seed=5), [MINE], loose)


def test_threads_share_one_engine(trio, open_llm) -> None:
    llm = open_llm(trio)
    want = texts(llm, [MINE])
    found: list[list[list[int]]] = []
    threads = [threading.Thread(target=lambda: found.append(texts(llm, [MINE]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [want] * 8


@pytest.mark.parametrize(
    "filters", [{}, {"top_k": 7}, {"top_p": 0.7}, {"min_p": 0.1}, {"top_k": 20, "top_p": 0.8}]
)
def test_draws_follow_the_fused_distribution(trio, open_llm, filters: dict[str, Any]) -> None:
    """Chi-squared of 1024 first tokens against Hugging Face's fused logits, filtered as defined."""
    alpha, temperature = 0.7, 2.0
    params = SamplingParams(
        n=1024, max_tokens=1, alpha=alpha, temperature=temperature, seed=1, **filters
    )
    llm = open_llm(trio, max_num_seqs=256)
    drawn = [output.token_ids[0] for output in llm.generate(MINE, params)[0].outputs]
    lanes = Trio(dict.fromkeys(Role, MINE))
    logits = hf_loop.fused_logits(hf_loop.load(trio), lanes, [], alpha).double().numpy()
    exact = filtered(logits / temperature, **filters)
    assert all(exact[token] > 0 for token in drawn)
    counts = np.bincount(drawn, minlength=len(exact))
    assert np.count_nonzero(counts) > 3
    assert p_value(counts, exact) > 1e-4
    if not filters:
        assert p_value(counts, filtered(logits, **filters)) < 1e-4, "the test cannot fail"


def filtered(scaled: np.ndarray, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0) -> Any:
    p = np.exp(scaled - scaled.max())
    if top_k:
        p[p < np.sort(p)[-top_k]] = 0
    p /= p.sum()
    order = np.argsort(-p)
    before = np.cumsum(p[order]) - p[order]
    p[order[before >= top_p]] = 0
    p[p < min_p * p.max()] = 0
    return p / p.sum()


def p_value(counts: np.ndarray, exact: np.ndarray) -> float:
    """Rare tokens are pooled, so that every cell expects at least five."""
    expected = exact * counts.sum()
    rare = expected < 5
    seen = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    keep = wanted > 0
    return float(chisquare(seen[keep], wanted[keep]).pvalue)


def test_the_identities_hold(trio, open_llm) -> None:
    """alpha 0 is the base; base == antiexpert gives the expert; expert == antiexpert the base."""
    params = SamplingParams(temperature=0.9, seed=5, max_tokens=16, ignore_eos=True)

    def write(*of: Role, **fields: Any) -> Any:
        folders = Trio({role: trio[at] for role, at in zip(Role, of, strict=False)})
        wanted = replace(params, **fields)
        return texts(open_llm(folders), [MINE], wanted)

    base, expert, anti = Role
    alone = write(base)
    assert write(base, expert, anti, alpha=0.0) == alone
    assert write(base, expert, expert, alpha=1.7) == alone
    assert write(anti, expert, anti, alpha=1.0) == write(expert)
    assert write(base, expert, anti, alpha=1.0) != alone


def test_prompts_of_other_roles_matter_only_with_alpha(trio, open_llm) -> None:
    llm = open_llm(trio)
    params = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True)
    other = Prompt(MINE, expert=[5, 6], antiexpert=[7])
    assert texts(llm, [MINE], params) != texts(llm, [other], params)
    off = replace(params, alpha=0.0)
    assert texts(llm, [MINE], off) == texts(llm, [other], off)
