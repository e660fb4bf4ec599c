"""`proxy_sample`'s meaning: identities, log-probabilities, and what cannot be drawn from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows
from proxyfuse_kernels.proxy_sample.reference import proxy_sample


def normal(*size: int, seed: int = 0, spread: float = 4.0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed)) * spread


def counting(count: int, **columns: Tensor) -> SampleRows:
    """Rows that differ in position, and so in noise."""
    return SampleRows.plain(count, position=torch.arange(count, dtype=torch.int32), **columns)


def greedy(count: int) -> Tensor:
    return torch.zeros(count)


def draw(models: list[Tensor], rows: SampleRows) -> SampleDraws:
    return proxy_sample(models, rows, vocab=models[0].shape[1], top=3, ranks=True, roles=True)


def test_alpha_zero_is_the_base_and_equal_proxies_are_the_base() -> None:
    base, expert, antiexpert = (normal(20, 50, seed=s) for s in range(3))
    alone = draw([base], counting(20))
    assert torch.equal(
        draw([base, expert, antiexpert], counting(20, alpha=greedy(20))).tokens, alone.tokens
    )
    for alpha in (0.3, 1.0, -2.0):
        rows = counting(20, alpha=torch.full((20,), alpha))
        same = draw([base, expert, expert], rows)
        assert torch.equal(same.tokens, alone.tokens) and torch.equal(same.logprobs, alone.logprobs)


def test_base_equal_to_antiexpert_is_the_expert() -> None:
    base, expert = normal(20, 50), normal(20, 50, seed=1)
    fused = draw([base, expert, base], counting(20, temperature=greedy(20)))
    assert torch.equal(fused.tokens.long(), expert.argmax(1))
    assert fused.role_logprobs is not None
    torch.testing.assert_close(fused.logprobs, fused.role_logprobs[:, 1])


@pytest.mark.parametrize("role", [0, 1, 2])
def test_a_constant_changes_nothing(role: int) -> None:
    models = [(normal(20, 50, seed=s) * 64).round() / 64 for s in range(3)]  # exact in float32
    moved = [x + 8.0 * (r == role) for r, x in enumerate(models)]
    before, after = draw(models, counting(20)), draw(moved, counting(20))
    assert torch.equal(before.tokens, after.tokens)
    torch.testing.assert_close(before.logprobs, after.logprobs)


def test_rows_past_the_proxies_are_the_bases_own() -> None:
    base, expert, antiexpert = (normal(6, 50, seed=s) for s in range(3))
    mixed = draw([base, expert[:2], antiexpert[:2]], counting(6))
    assert torch.equal(mixed.tokens[2:], draw([base], counting(6)).tokens[2:])
    assert torch.equal(mixed.tokens[:2], draw([base, expert, antiexpert], counting(6)).tokens[:2])
    assert mixed.role_logprobs is not None and mixed.role_logprobs[2:, 1:].isnan().all()


def test_numbers_are_log_softmax_of_the_unshaped_fused_row() -> None:
    base, expert, antiexpert = (normal(9, 50, seed=s) for s in range(3))
    mask = torch.full((1, 2), 0x0F0F0F0F, dtype=torch.int32)
    rows = counting(
        9,
        temperature=torch.full((9,), 0.5),
        top_k=torch.full((9,), 2, dtype=torch.int32),
        allowed=mask,
        allowed_row=torch.zeros(9, dtype=torch.int32),
    )
    out = draw([base, expert, antiexpert], rows)
    truth = torch.log_softmax((base + (expert - antiexpert)).double(), dim=1).float()
    picked = truth.gather(1, out.tokens[:, None].long())
    torch.testing.assert_close(out.logprobs, picked[:, 0])
    assert torch.equal(out.ranks, 1 + (truth > picked).sum(1).int())
    torch.testing.assert_close(out.top_logprobs, truth.topk(3).values)
    assert torch.equal(out.top_ids, truth.topk(3).indices.int())
    assert torch.equal(out.tokens // 4 % 2, torch.zeros(9, dtype=torch.int32))  # the mask's nibbles


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("role", [0, 1, 2])
def test_a_bad_row_is_reported_and_disturbs_no_other(bad: float, role: int) -> None:
    models = [normal(5, 50, seed=s) for s in range(3)]
    rows = counting(5)
    clean = draw(models, rows)
    models[role][2, 49] = bad
    out = draw(models, rows)
    assert out.finite.tolist() == [True, True, False, True, True]
    assert out.tokens[2] == 0 and out.logprobs[2].isnan() and out.logsumexp[2].isnan()
    others = [0, 1, 3, 4]
    assert torch.equal(out.tokens[others], clean.tokens[others])
    assert torch.equal(out.logprobs[others], clean.logprobs[others])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("role", [1, 2])
def test_a_bad_row_without_weight_is_passed_over(bad: float, role: int) -> None:
    models = [normal(5, 50, seed=s) for s in range(3)]
    rows = counting(5, alpha=greedy(5))
    clean = draw(models, rows)
    models[role][2, 49] = bad
    out = draw(models, rows)
    assert out.finite.all() and torch.equal(out.tokens, clean.tokens)
    assert torch.equal(out.logprobs, clean.logprobs)
    assert out.role_logprobs is not None
    assert out.role_logprobs.isnan().nonzero().tolist() == [[2, role]]


def test_a_bad_value_in_the_tail_is_ignored() -> None:
    base = normal(3, 50)
    base[:, 40:] = math.nan
    assert proxy_sample([base], counting(3), vocab=40).finite.all()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_everything_forbidden_is_not_finite(temperature: float) -> None:
    nothing = torch.zeros(1, 1, dtype=torch.int32)
    zero = torch.zeros(2, dtype=torch.int32)
    rows = counting(2, temperature=torch.full((2,), temperature), allowed=nothing, allowed_row=zero)
    out = draw([normal(2, 20)], rows)
    assert not out.finite.any() and out.tokens.tolist() == [0, 0]


def test_a_given_token_is_scored_and_not_drawn() -> None:
    base = normal(3, 20)
    given = torch.tensor([4, 19, 7], dtype=torch.int32)
    rows = counting(3, given=given, is_given=torch.tensor([True, True, False]))
    out = draw([base], rows)
    assert out.tokens.tolist()[:2] == [4, 19]
    assert out.tokens[2] == draw([base], counting(3)).tokens[2]
    torch.testing.assert_close(out.logprobs[:2], base.log_softmax(1)[[0, 1], [4, 19]])


def test_equal_logits_draw_by_noise_and_break_greedy_ties_by_id() -> None:
    flat = torch.zeros(40, 7)
    assert draw([flat], counting(40, temperature=greedy(40))).tokens.unique().tolist() == [0]
    assert len(draw([flat], counting(40)).tokens.unique()) == 7


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_a_margin_is_what_it_takes_to_draw_another(temperature: float) -> None:
    """Less of a bias on the token drawn changes nothing; a little more, and another is drawn."""
    count, vocab = 20, 50
    models = [normal(count, vocab)]
    columns = {"temperature": torch.full((count,), temperature)}
    found = proxy_sample(models, counting(count, **columns), vocab=vocab, margins=True)
    assert found.margins is not None and (found.margins > 0).all()
    bias = {"bias_ids": found.tokens, "bias_start": torch.arange(count + 1, dtype=torch.int32)}
    lead = found.margins * (temperature or 1)
    for share, same in ((0.999, True), (1.001, False)):
        moved = counting(count, **columns, **bias, bias_values=-share * lead)
        drawn = proxy_sample(models, moved, vocab=vocab)
        assert (torch.equal(drawn.tokens, found.tokens), not (drawn.tokens == found.tokens).any())[
            not same
        ]


def test_margins_where_there_is_no_other_or_nothing_is_drawn() -> None:
    models = [normal(4, 9).index_fill(0, torch.tensor([3]), math.nan)]
    rows = counting(
        4,
        top_k=torch.tensor([1, 0, 0, 0], dtype=torch.int32),
        temperature=torch.tensor([1.0, 1.0, 0.0, 1.0]),
        given=torch.zeros(4, dtype=torch.int32),
        is_given=torch.tensor([False, True, False, False]),
    )
    models[0][2] = 5.0  # a tie: the lower id leads by nothing
    found = proxy_sample(models, rows, vocab=9, margins=True).margins
    torch.testing.assert_close(
        found, torch.tensor([math.inf, math.nan, 0.0, math.nan]), equal_nan=True
    )
    assert proxy_sample(models, rows, vocab=9).margins is None
