"""How many drafts hold, what is said of them, and that they are draws of the fused distribution."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxyfuse import LLM, Metrics, SamplingParams
from proxyfuse.trio import Role, Trio
from tests import hf_loop
from tests.engine.crowd import texts
from tests.engine.drafters import Steady, use
from tests.engine.test_reproducible import filtered, p_value

MINE = [5, 9, 30, 31, 8, 77, 12]
LONG = SamplingParams(temperature=1.0, seed=3, max_tokens=41, ignore_eos=True, logprobs=2)


def twins(trio: Trio[Path], role: Role) -> Trio[Path]:
    """The base plays this role too; the third is a stranger."""
    return Trio(
        {other: trio[other if other not in (Role.BASE, role) else Role.BASE] for other in Role}
    )


def one(llm: LLM, params: SamplingParams, prompt: Any = MINE) -> Any:
    return llm.generate(prompt, params, use_tqdm=False)[0].outputs[0]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("alpha", [1.0, -0.5, 2.5])
def test_where_all_models_are_one_every_draft_holds(
    trio, open_llm, temperature: float, alpha: float
) -> None:
    """expert - antiexpert is nothing at all, so the expert draws what the fused rows draw."""
    llm = open_llm(Trio(dict.fromkeys(Role, trio.base)), speculate=4)
    written = one(llm, replace(LONG, temperature=temperature, alpha=alpha))
    assert len(written.token_ids) == 41
    # 41 = 8 passes of five tokens and one of the last
    assert (written.base_passes, written.drafted, written.accepted) == (9, 32, 32)
    assert written.tokens_per_base_pass == pytest.approx(41 / 9)


@pytest.mark.parametrize("drawer", [Role.EXPERT, Role.ANTIEXPERT])
def test_the_drawer_draws_by_itself(trio, open_llm, drawer: Role) -> None:
    """With next to no alpha the base's twin nearly always holds, and the stranger learns slowly."""
    llm = open_llm(twins(trio, drawer), speculate=4)
    accepted = {}
    for who in (Role.EXPERT, Role.ANTIEXPERT):
        use(llm, Steady(4, who))
        accepted[who] = one(llm, replace(LONG, alpha=1e-6)).accepted
    assert accepted.pop(drawer) >= 30 and max(accepted.values()) < 20


@pytest.mark.parametrize("drawer", [Role.EXPERT, Role.ANTIEXPERT])
def test_drafts_learn_what_the_base_says_and_the_drawer_does_not(
    trio, open_llm, drawer: Role
) -> None:
    """A stranger drafts for a base that goes round in a loop: from the second round on it helps."""
    stranger = Trio({role: trio[role if role is Role.BASE else Role.EXPERT] for role in Role})
    llm = open_llm(stranger, speculate=4)
    use(llm, Steady(4, drawer, -inf))
    params = SamplingParams(
        temperature=0, max_tokens=200, ignore_eos=True, alpha=0.7, allowed_token_ids=range(40, 50)
    )
    written = one(llm, params)
    tokens = written.token_ids
    assert tokens == one(open_llm(stranger, speculate=0), params).token_ids
    assert written.tokens_per_base_pass > 2
    together = llm.generate([MINE, [*MINE, 3]], params, use_tqdm=False)
    apart = [written, one(llm, params, [*MINE, 3])]
    assert [both.outputs[0].token_ids for both in together] == [own.token_ids for own in apart]


def test_the_counts_agree_with_the_tokens_and_with_each_other(trio, open_llm) -> None:
    folders = twins(trio, Role.EXPERT)
    llm = open_llm(folders, speculate=3)
    rng = random.Random(1)
    params = [
        replace(
            LONG,
            n=rng.randrange(1, 4),
            max_tokens=rng.randrange(1, 30),
            alpha=rng.choice([0.0, 0.3]),
            stop=rng.choice([(), ("e",)]),
            prompt_logprobs=rng.choice([None, 1]),
        )
        for _ in range(16)
    ]
    outputs = llm.generate([MINE] * 16, params, use_tqdm=False)
    written = [one for output in outputs for one in output.outputs]
    for each in written:
        assert len(each.token_ids) == each.base_passes + each.accepted
        assert each.accepted <= each.drafted <= 3 * each.base_passes
        assert each.tokens_per_base_pass == len(each.token_ids) / each.base_passes
        assert len(each.token_times) == len(each.token_ids)
        assert len(set(each.token_times)) == each.base_passes, "a pass's tokens come together"
        assert each.token_times == sorted(each.token_times)
    totals = llm.metrics
    for name in ("base_passes", "drafted", "accepted"):
        assert getattr(totals, name) == sum(getattr(each, name) for each in written)
    assert totals.tokens_per_base_pass > 1.1
    assert totals.acceptance == totals.accepted / totals.drafted
    assert totals.steps == 0, "the host computes itself"
    assert totals.since(totals) == Metrics() and totals.since(Metrics()) == totals
    plain = open_llm(folders, speculate=0)
    assert texts(plain.generate([MINE] * 16, params, use_tqdm=False)) == texts(outputs)
    assert plain.metrics.drafted == plain.metrics.accepted == 0
    assert plain.metrics.acceptance is None
    assert plain.metrics.tokens_per_base_pass == 1


def test_before_the_first_token_there_is_nothing_to_divide(trio, open_llm) -> None:
    assert open_llm(trio).metrics.tokens_per_base_pass == 0


@pytest.mark.parametrize("batch", [1, 3])
def test_an_early_end_changes_the_drafts_and_not_the_text(trio, open_llm, batch: int) -> None:
    """Alone, what was not fed is not verified; in a batch it is, and believed by nobody."""
    llm = open_llm(Trio(dict.fromkeys(Role, trio.base)), speculate=6)
    prompts = [[*MINE, at] for at in range(batch)]
    drafted, found = [], []
    for least in (-inf, -1.0, -0.3, inf):
        use(llm, Steady(6, Role.EXPERT, least))
        outputs = llm.generate(prompts, LONG, use_tqdm=False)
        found.append(texts(outputs))
        drafted.append(sum(one.drafted for output in outputs for one in output.outputs))
    assert found == [found[0]] * 4
    assert drafted == sorted(drafted, reverse=True) and len(set(drafted)) >= 3
    assert drafted[-1] <= batch * 21, "the first draft alone"


ALPHA, TEMPERATURE, ALLOWED = 0.7, 3.0, (7, 8, 9)


@pytest.mark.parametrize("filters", [{}, {"top_k": 2}, {"min_p": 0.07}])
def test_drafted_tokens_follow_the_fused_distribution(
    trio, open_llm, filters: dict[str, Any]
) -> None:
    """Chi-squared of the tokens that drafts were verified by, given those before them."""
    folders = twins(trio, Role.EXPERT)
    llm = open_llm(folders, speculate=2, max_num_seqs=16)  # each has room for drafts
    params = SamplingParams(
        n=1024, max_tokens=3, seed=2, alpha=ALPHA, temperature=TEMPERATURE,
        allowed_token_ids=ALLOWED, ignore_eos=True, **filters,
    )  # fmt: skip
    outputs = llm.generate(MINE, params, use_tqdm=False)[0].outputs
    assert sum(one.accepted for one in outputs) > 300, "drafts are what this is about"
    written = np.array([one.token_ids for one in outputs])
    models, tested = hf_loop.load(folders), 0
    for before in [(7,), (8,), (9,), (8, 7), (8, 9), (7, 9)]:
        here = (written[:, : len(before)] == before).all(axis=1)
        counts = np.bincount(written[here, len(before)], minlength=10)[list(ALLOWED)]
        exact = filtered(scaled(models, before, ALPHA), **filters)
        if counts.sum() < 200 or np.count_nonzero(exact) == 1:
            continue
        tested += 1
        assert p_value(counts, exact) > 1e-4
        if not filters and before == (8,):  # the longest column; the expert drafts by itself
            drafts = filtered(scaled(models, before, 0.0))
            assert p_value(counts, drafts) < 1e-4, "the test cannot fail"
    assert tested >= 2


def scaled(models: hf_loop.Models, before: tuple[int, ...], alpha: float) -> Any:
    lanes = Trio(dict.fromkeys(Role, (*MINE, *before)))
    logits = hf_loop.fused_logits(models, lanes, [], alpha).double().numpy()
    return logits[list(ALLOWED)] / TEMPERATURE
