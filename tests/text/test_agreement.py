"""Tokenizers that differ are told from tokenizers that only differ in length."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from proxyfuse.errors import VocabularyError
from proxyfuse.text.agreement import Agreement, compare
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio

Variant = Callable[..., Tokenizer]


@pytest.fixture
def variant(backends: dict[str, Backend], save: Callable[..., Path]) -> Variant:
    """Makes a model's tokenizer: the byte-level one with tokens added, renamed or dropped."""

    def make(
        *added: str, rename: dict[str, str] | None = None, drop: tuple[str, ...] = ()
    ) -> Tokenizer:
        text = backends["byte_level"].to_str()
        spec = json.loads(text)
        for old, new in (rename or {}).items():
            spec["model"]["vocab"][new] = spec["model"]["vocab"].pop(old)
            for token in spec["added_tokens"]:
                if token["content"] == old:
                    token["content"] = new
        for piece in drop:
            del spec["model"]["vocab"][piece]
        backend = Backend.from_str(json.dumps(spec))
        backend.add_special_tokens([AddedToken(piece, special=True) for piece in added])
        return Tokenizer(save(backend))

    return make


def trio(base: Tokenizer, expert: Tokenizer, antiexpert: Tokenizer) -> Trio[Tokenizer]:
    return Trio({Role.BASE: base, Role.EXPERT: expert, Role.ANTIEXPERT: antiexpert})


def by_hand(tokenizers: Trio[Tokenizer]) -> tuple[set[int], set[int]]:
    """Shared and mismatched ids, asked of the backends one by one."""
    shared, mismatched = set(), set()
    for token in range(max(tokenizer.size for tokenizer in tokenizers.values())):
        strings = [tokenizer.backend.id_to_token(token) for tokenizer in tokenizers.values()]
        if None not in strings:
            (shared if len(set(strings)) == 1 else mismatched).add(token)
    return shared, mismatched


def found(agreement: Agreement) -> tuple[int, set[int]]:
    return agreement.shared, set(agreement.mismatched)


def test_the_same_tokenizer_agrees_and_is_read_once(variant: Variant) -> None:
    models = trio(variant(), variant(), variant())
    agreement = compare(models)
    agreement.require()
    assert agreement.shared == agreement.limit == models.base.size
    assert all(ids == () for ids in agreement.partial.values())
    assert "pieces" not in vars(models[Role.EXPERT])  # the cached property was never needed


def test_extra_tail_tokens_are_reported_and_not_refused(variant: Variant) -> None:
    models = trio(variant(), variant("<pad>", "<tool>"), variant("<pad>"))
    size = models.base.size
    agreement = compare(models)
    agreement.require()
    assert agreement.limit == size
    assert agreement.partial[Role.BASE] == ()
    assert agreement.partial[Role.EXPERT] == (size, size + 1)
    assert agreement.partial[Role.ANTIEXPERT] == (size,)


def test_a_renamed_added_token_is_a_mismatch(variant: Variant) -> None:
    models = trio(variant(), variant(rename={"<|im_start|>": "<|start|>"}), variant())
    agreement = compare(models)
    shared, mismatched = by_hand(models)
    assert found(agreement) == (len(shared), mismatched)
    with pytest.raises(VocabularyError, match=r"^1 of \d+ ids .*id 3: .*expert '<\|start\|>'"):
        agreement.require()


def test_many_mismatches_are_counted_and_the_first_shown(variant: Variant) -> None:
    order = {letter: f"{letter}{letter}?" for letter in "ĀāĂăĄąĆćĎď"}
    models = trio(variant(), variant(), variant(rename=order))
    agreement = compare(models)
    shared, mismatched = by_hand(models)
    assert found(agreement) == (len(shared), mismatched)
    assert len(mismatched) == 10
    assert "and 5 more" in agreement.reason


def test_another_family_is_refused(trained: dict[str, Tokenizer]) -> None:
    models = trio(trained["llama"], trained["byte_level"], trained["byte_level"])
    agreement = compare(models)
    shared, mismatched = by_hand(models)
    assert found(agreement) == (len(shared), mismatched)
    assert not agreement.agrees


def test_a_gap_is_neither_shared_nor_a_mismatch(variant: Variant) -> None:
    models = trio(variant(), variant(drop=("Ā", "ā")), variant(drop=("Ā",), rename={"ā": "a1"}))
    agreement = compare(models)
    shared, mismatched = by_hand(models)
    assert found(agreement) == (len(shared), mismatched)
    gaps = {models.base.backend.token_to_id(piece) for piece in "Āā"}
    assert gaps <= set(agreement.partial[Role.BASE])
    for role, tokenizer in models.items():
        strung = {t for t, piece in enumerate(tokenizer.pieces) if piece is not None}
        assert set(agreement.partial[role]) == strung - shared - mismatched
    assert agreement.limit == 1 + max(shared)


def test_ids_without_a_head_row_cannot_disagree(variant: Variant) -> None:
    models = trio(variant("<a>"), variant("<b>"), variant("<b>"))
    assert not compare(models).agrees
    size = variant().size
    widths = Trio({Role.BASE: size, Role.EXPERT: size + 64, Role.ANTIEXPERT: size})
    agreement = compare(models, widths)
    assert agreement.agrees
    assert agreement.sizes[Role.EXPERT] == size + 1


def test_the_base_alone_agrees_with_itself(variant: Variant) -> None:
    compare(Trio({Role.BASE: variant()})).require()
