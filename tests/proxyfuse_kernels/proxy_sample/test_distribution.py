"""Draws against the exact distribution, computed in float64 from Hugging Face's processors."""

from __future__ import annotations

import math
from importlib.util import find_spec

import pytest
import torch
from scipy import stats
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from proxyfuse_kernels.proxy_sample import SampleRows, proxy_sample

VOCAB = 24
COUNT = 1000 if find_spec("proxyfuse_kernels._cpu") is None else 20_000  # torch goes row by row
HISTORY = (3, 3, 5, 7, 7, 7)  # the last three were generated
BIAS = ((2, 1.5), (4, -math.inf), (7, -1.0))
ALLOWED = 0x00FF7FFE
CASES = {
    "plain": {},
    "cold": {"temperature": 0.3},
    "hot": {"temperature": 2.0},
    "alpha": {"alpha": 1.7},
    "top_k": {"top_k": 5},
    "top_p": {"top_p": 0.8},
    "min_p": {"min_p": 0.1},
    "filters": {"top_k": 12, "top_p": 0.9, "min_p": 0.05, "temperature": 1.5},
    "penalties": {"repetition": 1.4, "frequency": 0.3, "presence": -0.4},
    "bias": {"bias": 1},
    "mask": {"mask": 1},
    "everything": {
        **{"alpha": 0.6, "temperature": 1.3, "top_k": 15, "top_p": 0.95, "min_p": 0.01},
        **{"repetition": 0.8, "frequency": -0.2, "presence": 0.5, "bias": 1, "mask": 1},
    },
}


def models() -> list[Tensor]:
    dice = torch.Generator().manual_seed(5)
    return [torch.randn(1, VOCAB, generator=dice) * 0.7 for _ in range(3)]


def exact(case: dict[str, float]) -> Tensor:
    """The probability of each id, by Hugging Face's processors where it has one."""
    base, expert, antiexpert = (x.double() for x in models())
    x = base + case.get("alpha", 1.0) * (expert - antiexpert)
    if "bias" in case:
        for token, value in BIAS:
            x[0, token] += value
    processors = LogitsProcessorList()
    if "repetition" in case:
        processors.append(RepetitionPenaltyLogitsProcessor(case["repetition"]))
    x = processors(torch.tensor([HISTORY]), x)
    generated = torch.bincount(torch.tensor(HISTORY[3:]), minlength=VOCAB)
    x -= case.get("frequency", 0.0) * generated + case.get("presence", 0.0) * (generated > 0)
    if "mask" in case:
        x[:, [v for v in range(VOCAB) if not ALLOWED >> v & 1]] = -math.inf
    x /= case.get("temperature", 1.0)
    warpers = LogitsProcessorList()
    if "top_k" in case:
        warpers.append(TopKLogitsWarper(int(case["top_k"])))
    if "top_p" in case:
        warpers.append(TopPLogitsWarper(case["top_p"]))
    if "min_p" in case:
        warpers.append(MinPLogitsWarper(case["min_p"]))
    return warpers(torch.zeros(1, 1), x).softmax(1)[0]


def rows_of(case: dict[str, float], count: int) -> SampleRows:
    """The same request `count` times, at as many positions."""

    def everywhere(value: float, dtype: torch.dtype = torch.int32) -> Tensor:
        return torch.full((count,), value, dtype=dtype)

    columns = {"position": torch.arange(count, dtype=torch.int32), "seed": everywhere(11).long()}
    for name, value in case.items():
        if name not in ("bias", "mask"):
            columns[name] = everywhere(value, torch.int32 if name == "top_k" else torch.float32)
    columns["history"] = torch.tensor(HISTORY, dtype=torch.int32)
    columns |= {"history_split": everywhere(3), "history_end": everywhere(6)}
    if "bias" in case:
        columns["bias_ids"] = torch.tensor([i for i, _ in BIAS], dtype=torch.int32).repeat(count)
        columns["bias_values"] = torch.tensor([value for _, value in BIAS]).repeat(count)
        columns["bias_start"] = torch.arange(count + 1, dtype=torch.int32) * len(BIAS)
    if "mask" in case:
        columns["allowed"] = torch.tensor([[ALLOWED]], dtype=torch.int32)
        columns["allowed_row"] = everywhere(0)
    return SampleRows.plain(count, **columns)


def p_value(tokens: Tensor, probability: Tensor) -> float:
    """Of the chi-squared test, rare ids pooled; 0 where an impossible id was drawn."""
    seen = torch.bincount(tokens.long(), minlength=VOCAB).double()
    if (seen[probability == 0] > 0).any():
        return 0.0
    expected = probability * len(tokens)
    rare = expected < 5
    observed = torch.cat([seen[~rare], seen[rare].sum()[None]])
    wanted = torch.cat([expected[~rare], expected[rare].sum()[None]])
    if wanted[-1] == 0:
        observed, wanted = observed[:-1], wanted[:-1]
    return float(stats.chisquare(observed.numpy(), wanted.numpy(), sum_check=False).pvalue)


@pytest.mark.parametrize("name", CASES)
def test_draws_follow_the_exact_distribution(name: str) -> None:
    logits = [x.expand(COUNT, VOCAB) for x in models()]
    out = proxy_sample(logits, rows_of(CASES[name], COUNT), vocab=VOCAB)
    assert out.finite.all()
    assert p_value(out.tokens, exact(CASES[name])) > 1e-4


@pytest.mark.parametrize(
    "asked, drawn", [("plain", "alpha"), ("top_k", "filters"), ("plain", "bias")]
)
def test_the_test_notices_a_wrong_sampler(asked: str, drawn: str) -> None:
    logits = [x.expand(COUNT, VOCAB) for x in models()]
    out = proxy_sample(logits, rows_of(CASES[drawn], COUNT), vocab=VOCAB)
    assert p_value(out.tokens, exact(CASES[asked])) < 1e-4
