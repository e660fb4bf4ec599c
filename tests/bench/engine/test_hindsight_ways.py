"""Ways to keep what was found, against the kernels' plain version and laws that are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.engine.hindsight_ways import (
    NOTHING,
    OTHERS,
    WAYS,
    Text,
    Way,
    by_text,
    by_token,
    by_two,
    judge,
    kept,
)
from proxyfuse_kernels.hindsight import SLOTS, TRUST, Hindsight
from proxyfuse_kernels.proxy_sample import SampleRows
from proxyfuse_kernels.proxy_sample.reference import proxy_sample
from proxyfuse_kernels.reference import ReferenceOps

READ = [3, 5, 5, 7, 5 + SLOTS, 5, 7, 7, 5]  # the first is only ever the last but one
VOCAB, SEED = 40, 1


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2


def written(expert: Tensor, found: Tensor, read: list[int], temperature: float) -> Text:
    """With the tokens that the sampler draws of the fused rows."""
    count = len(found)
    rows = SampleRows.plain(
        count,
        position=torch.arange(count, dtype=torch.int32),
        temperature=torch.full((count,), temperature),
        seed=torch.full((count,), SEED, dtype=torch.int64),
    )
    tokens = proxy_sample([expert + found], rows, vocab=VOCAB).tokens.tolist()
    return Text(tokens, read, expert, found)


def test_by_token_is_what_the_engine_keeps() -> None:
    found, expert = noise(8, VOCAB), noise(8, VOCAB, seed=1)
    ops, memory, anti = ReferenceOps(), Hindsight.allocate(VOCAB), torch.zeros(1, VOCAB)
    whose, alpha, out = torch.ones(1, dtype=torch.int32), torch.zeros(1), torch.empty(8, VOCAB)
    for row, token in enumerate(READ[1:]):
        ids, at = torch.tensor([token], dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
        own = expert[row : row + 1]
        ops.recall(own, ids, at, whose, memory, out[row : row + 1])
        three = [own + found[row], own, anti]
        ops.remember(three, alpha, own, ids, at, whose, memory)
    text = Text([0] * 8, READ, expert, found)
    helped = expert + TRUST * kept(text, Way(by_token, slots=SLOTS))
    torch.testing.assert_close(helped, out, rtol=0, atol=1e-5)
    assert not torch.allclose(helped, expert + TRUST * kept(text, Way(by_token)))


def test_a_running_mean_is_the_mean_of_all_rows_at_first() -> None:
    found = noise(8, VOCAB)
    its = kept(Text([0] * 8, READ, found, found), Way(by_text, news=0.05))
    assert not its[0].any()
    means = torch.stack([found[:row].mean(0) for row in range(1, 8)])
    torch.testing.assert_close(its[1:], means)


def test_two_tokens_stand_for_more_than_the_last() -> None:
    found = noise(8, VOCAB)
    its = kept(Text([0] * 8, READ, found, found), Way(by_two))
    again = torch.zeros(8, VOCAB)
    again[5] = found[2]  # 5 and 7 stood together before; 5 and 5, or 7 and 5, did not
    assert torch.equal(its, again)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_drafts_hold_where_nothing_or_what_is_known_sets_them_apart(temperature: float) -> None:
    expert = noise(8, VOCAB, seed=1)
    alike = written(expert, torch.zeros(8, VOCAB), READ, temperature)
    assert all(one["held"] == 1 for one in judge([alike], temperature, SEED).values())
    table = noise(2 * SLOTS, VOCAB, seed=2) * 4
    read = [1, 2, 3] * 20
    apart = written(noise(59, VOCAB, seed=3), table[read[1:]], read, temperature)
    found = judge([apart, apart], temperature, SEED)
    assert set(found) == {NOTHING, OTHERS, *WAYS}
    assert found["by token, trust 1"]["held"] >= 56 / 59 > 0.5 > found[NOTHING]["held"]
    for one in found.values():
        assert 118 * (one["held"] - found[NOTHING]["held"]) == pytest.approx(
            one["gained"] - one["lost"]
        )


def test_the_mean_of_other_texts_is_of_no_row_of_its_own() -> None:
    found, expert = noise(1, VOCAB).expand(4, -1) * 4, noise(4, VOCAB, seed=1)
    texts = [written(expert, found, READ[:5], 0.0), written(expert, -found / TRUST, READ[:5], 0.0)]
    # each is helped by the other's alone: away from its own target
    wrong = written(expert, -found, READ[:5], 0.0).tokens
    agree = sum(a == b for a, b in zip(texts[0].tokens, wrong, strict=True))
    right = written(expert, TRUST * found, READ[:5], 0.0).tokens
    agree += sum(a == b for a, b in zip(texts[1].tokens, right, strict=True))
    assert judge(texts, 0.0, SEED)[OTHERS]["held"] == agree / 8
