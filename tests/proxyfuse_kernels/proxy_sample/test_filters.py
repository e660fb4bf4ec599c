"""The kept sets against Hugging Face's own warpers, applied one after the other."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from proxyfuse_kernels.proxy_sample.filters import kept
from proxyfuse_kernels.proxy_sample.reference import shape
from proxyfuse_kernels.proxy_sample.rows import SampleRows

SETTINGS = [(0, 1.0, 0.0), (1, 1.0, 0.0), (7, 1.0, 0.0), (0, 0.3, 0.0), (0, 0.95, 0.0)]
SETTINGS += [(0, 1.0, 0.02), (0, 1.0, 1.0), (50, 0.9, 0.0), (50, 0.9, 0.05), (0, 1e-6, 0.0)]


def warped(scores: Tensor, top_k: int, top_p: float, min_p: float) -> Tensor:
    """What Hugging Face keeps.  scores [V]."""
    warpers = LogitsProcessorList()
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    if min_p:
        warpers.append(MinPLogitsWarper(min_p))
    return warpers(torch.zeros(1, 1, dtype=torch.long), scores[None].double())[0] > -math.inf


@pytest.mark.parametrize("top_k, top_p, min_p", SETTINGS)
@pytest.mark.parametrize("vocab", [5, 111, 2000])
@pytest.mark.parametrize("spread", [0.3, 3.0, 20.0])
def test_kept_set_is_hugging_faces(
    top_k: int, top_p: float, min_p: float, vocab: int, spread: float
) -> None:
    dice = torch.Generator().manual_seed(vocab)
    for _ in range(5):
        scores = torch.randn(vocab, generator=dice) * spread
        assert torch.equal(kept(scores, top_k, top_p, min_p), warped(scores, top_k, top_p, min_p))


def test_forbidden_ids_are_never_kept() -> None:
    scores = torch.tensor([1.0, -math.inf, 0.5, -math.inf])
    for setting in SETTINGS:
        assert not kept(scores, *setting)[[1, 3]].any()
    assert kept(scores, 3, 1.0, 0.0).tolist() == [True, False, True, False]


def test_ties_are_kept_by_top_k_and_ranked_by_id_in_top_p() -> None:
    scores = torch.tensor([0.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    assert kept(scores, 2, 1.0, 0.0).tolist() == [False, True, False, True, False, True]
    flat = torch.zeros(8)
    assert kept(flat, 0, 0.5, 0.0).tolist() == [True] * 4 + [False] * 4
    assert kept(flat, 0, 0.51, 0.0).tolist() == [True] * 5 + [False] * 3
    assert kept(flat, 3, 0.5, 0.0).tolist() == [True] * 4 + [False] * 4


def test_penalties_are_hugging_faces_and_vllms() -> None:
    vocab, prompt, written = 50, [3, 3, 9, 40], [9, 11, 11, 11]
    scores = torch.randn(vocab, generator=torch.Generator().manual_seed(0)) * 3
    history = torch.tensor(prompt + written, dtype=torch.int32)
    ends = {"history_split": torch.tensor([4]), "history_end": torch.tensor([8])}
    plain = SampleRows.plain(1, history=history, repetition=torch.tensor([1.3]), **ends)
    expected = RepetitionPenaltyLogitsProcessor(1.3)(history[None].long(), scores[None].clone())[0]
    assert torch.equal(shape(scores, plain, 0), expected)

    counted = {"presence": torch.tensor([0.5]), "frequency": torch.tensor([0.25])}
    rows = SampleRows.plain(1, history=history, **counted, **ends)
    expected = scores.clone()
    expected[9] -= 0.5 + 0.25
    expected[11] -= 0.5 + 3 * 0.25
    torch.testing.assert_close(shape(scores, rows, 0), expected)


def test_bias_adds_up_in_order_and_a_mask_wins() -> None:
    ids = torch.tensor([2, 2, 2, 1, 77, -1], dtype=torch.int32)
    values = torch.tensor([1e8, -1e8, 1.0, -math.inf, 5.0, 5.0])
    allowed = torch.tensor([[0b0111], [0b1010]], dtype=torch.int32)
    starts = torch.tensor([0, 6], dtype=torch.int32)
    bias = {"bias_ids": ids, "bias_values": values, "bias_start": starts}
    for mask, expected in [(0, [0.0, -math.inf, 1.0, -math.inf]), (1, [-math.inf] * 3 + [0.0])]:
        row = torch.tensor([mask], dtype=torch.int32)
        rows = SampleRows.plain(1, **bias, allowed=allowed, allowed_row=row)
        assert shape(torch.zeros(4), rows, 0).tolist() == expected
