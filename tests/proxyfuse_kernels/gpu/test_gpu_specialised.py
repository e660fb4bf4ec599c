"""A kernel is compiled once, wherever a step's rows begin and however many there are."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from types import ModuleType

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")
from bench.kernels.resources import MODULES
from proxyfuse_kernels.build import Build
from proxyfuse_kernels.embed.kernel import embed
from proxyfuse_kernels.hindsight import Hindsight
from proxyfuse_kernels.hindsight.kernel import recall, remember
from proxyfuse_kernels.linear.kernel import linear
from proxyfuse_kernels.paged_attention.kernel import paged_attention
from proxyfuse_kernels.place.kernel import place
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows
from proxyfuse_kernels.proxy_sample.launch import TritonSampler
from proxyfuse_kernels.rope_append.kernel import rope_append
from proxyfuse_kernels.silu_mul.kernel import silu_mul
from tests.specialised import Keys, watch

STRETCHES = [(0, 1), (1, 1), (1, 2), (2, 16), (4, 3)]  # of a step's rows: begin, count
MOST = 18


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    return watch(monkeypatch)


def words(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.int32)


def test_the_sampler_draws_from_the_middle_of_columns(keys: Keys) -> None:
    vocab = 8
    sampler, given = TritonSampler(vocab, MOST, "cpu"), torch.zeros(MOST, dtype=torch.bool)
    masks = {"allowed": words(2, 1) - 1, "allowed_row": words(MOST)}
    rows = SampleRows.plain(MOST, given=words(MOST), is_given=given, **masks)
    logits, draws = torch.randn(MOST, vocab), SampleDraws.empty(MOST, 2, True, True)
    for begin, count in STRETCHES:
        held = {field.name: getattr(draws, field.name) for field in fields(draws)}
        into = {name: x[begin : begin + count] for name, x in held.items() if x is not None}
        sampler.into([logits[:count]] * 3, rows.cut(begin, count), SampleDraws(**into))
    assert {name: len(found) for name, found in keys.items()} == {"sample_part": 1, "settle_row": 1}


def test_the_sampler_is_compiled_for_few_sets_of_fields(keys: Keys) -> None:
    """With and without reports, with and without choices, whichever of them a call has."""
    vocab, count = 8, 2
    sampler, logits = TritonSampler(vocab, MOST, "cpu"), torch.randn(count, vocab)
    masks = {"allowed": words(1, 1) - 1, "allowed_row": words(count)}
    given = {"given": words(count), "is_given": torch.zeros(count, dtype=torch.bool)}
    plain = SampleDraws.empty(count, 0, False, False)
    sampler.into([logits] * 3, SampleRows.plain(count), plain)
    for chosen in ({}, masks, given, masks | given):
        rows = SampleRows.plain(count, **chosen)
        for top, ranks, roles in product((0, 2), (False, True), (False, True)):
            drawn = SampleDraws.empty(count, top, ranks, roles)
            sampler.into([logits] * 3, rows, drawn)
            assert torch.equal(drawn.tokens, plain.tokens)
    assert {name: len(found) for name, found in keys.items()} == {"sample_part": 4, "settle_row": 4}


def test_rows_of_a_forward_are_read_from_the_middle(keys: Keys) -> None:
    heads, size, width = 1, 16, 48  # one query, key and value head of 16
    cache, table = torch.zeros(9, 2, 16, 1, size), words(1, 4)
    rotation, weight = torch.zeros(64, 2, size // 2), torch.zeros(width, width)
    x, ids, positions = torch.zeros(MOST, width), words(MOST), words(MOST)
    slots, lanes, out = words(MOST), words(MOST), torch.zeros(MOST, size)
    for begin, count in STRETCHES:
        here, few = slice(begin, begin + count), x[:count]
        embed(ids[here], weight, few)
        linear(few, weight, None, few.clone())
        rope_append(few, positions[here], slots[here], rotation, cache, heads=heads)
        paged_attention(
            few, positions[here], lanes[here], table, cache, out[:count], heads=heads, scale=1.0
        )
    wanted = dict.fromkeys(("gather", "linear", "rope_append", "attend"), 1)
    assert {name: len(found) for name, found in keys.items()} == wanted


def test_words_are_placed_and_remembered_from_anywhere(keys: Keys) -> None:
    width = 16
    memory, text, alpha = Hindsight.allocate(width), words(1), torch.zeros(MOST)
    logits, ids = torch.zeros(MOST, width), words(MOST)
    for begin, count in STRETCHES:
        here, few = slice(begin, begin + count), logits[:count]
        place(ids[here], words(2, MOST).view(-1)[begin:][: 2 * count].view(2, count), words(MOST))
        recall(few, ids[begin:], ids[here], text, memory, few.clone())
        remember([few] * 3, alpha[here], few, ids[begin:], ids[here], text, memory)
    wanted = dict.fromkeys(("place", "recall", "remember"), 1)
    assert {name: len(found) for name, found in keys.items()} == wanted


def test_alignment_that_is_looked_at_is_another_compilation(keys: Keys) -> None:
    """Or these tests would pass whatever kernels are told."""
    memory, out = torch.zeros(5, 16), torch.zeros(1, 8)
    for begin in (0, 1):
        silu_mul(memory.view(-1)[begin:][:16].view(1, 16), out)
    assert len(keys["silu_mul"]) == 2


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[1])
def test_what_is_compiled_ahead_knows_what_a_launch_would(module: ModuleType) -> None:
    """An address is taken for aligned where a launch looks at it, and nowhere else."""
    for build in module.builds():
        left_alone = build.kernel.kwargs["do_not_specialize"] or ()
        for name, kind in named(build):
            looked_at = name not in left_alone
            if kind.startswith("*"):
                assert kind.endswith(":16") == looked_at, (build.name, name)
            assert looked_at or not kind.endswith(":16"), (build.name, name)


def named(build: Build) -> list[tuple[str, str]]:
    """Arguments and their types; Triton looks at all that lies in tuples."""
    found = []
    for name, kind in build.signature.items():
        found += [(name, one) for one in kind] if isinstance(kind, tuple) else [(name, kind)]
    return found
