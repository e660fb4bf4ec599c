"""Text that comes token by token is the text that comes at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import decoders

from proxyfuse.errors import TokenizerError
from proxyfuse.text.detokenize import Detokenizer
from proxyfuse.text.tokenizer import Tokenizer

KINDS = ("byte_level", "llama", "unigram", "wordpiece", "suffix")
SAMPLES = (
    "你好 world 🙂 and café",
    "👩‍👩‍👧‍👦 flags 🇩🇪 e\u0301 <|im_end|> done.",
    "<think>two words naïve€</s> don't , stop .",
)


def added(tokenizer: Tokenizer, prompt: list[int], ids: list[int], *, skip: bool) -> str:
    """The oracle: what is behind the common beginning of two whole decodes, by HF's own decode."""
    before, whole = (
        tokenizer.hf.decode(
            [token for token in part if token < tokenizer.size],
            skip_special_tokens=skip,
            clean_up_tokenization_spaces=False,
        )
        for part in (prompt, prompt + ids)
    )
    cut = 0
    while cut < min(len(before), len(whole)) and before[cut] == whole[cut]:
        cut += 1
    return whole[cut:]


def written(tokenizer: Tokenizer, prompt: list[int], ids: list[int], *, skip: bool) -> list[str]:
    """What a detokenizer gives for each id, and at the end."""
    stream = Detokenizer(tokenizer, prompt, skip_special=skip)
    return [*(stream.push([token]) for token in ids), stream.flush()]


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_ids_come_to_the_text_decoded_at_once(
    kind: str, trained: dict[str, Tokenizer], data: st.DataObject
) -> None:
    tokenizer = trained[kind]
    anything = st.lists(st.integers(0, tokenizer.size + 3), max_size=12)
    # Drawn on purpose: special and added tokens, single bytes, ids without a string.
    rare = [t for t, piece in enumerate(tokenizer.pieces) if (piece or "<").startswith("<")]
    hard = st.lists(st.sampled_from([*rare, tokenizer.size + 1]), max_size=12)
    prompt, ids = data.draw(anything | hard), data.draw(anything | hard)
    skip = data.draw(st.booleans())
    assert "".join(written(tokenizer, prompt, ids, skip=skip)) == added(
        tokenizer, prompt, ids, skip=skip
    )


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(max_size=12), cut=st.integers(0, 12))
def test_any_bytes_are_read_as_decode_reads_them(
    trained: dict[str, Tokenizer], raw: bytes, cut: int
) -> None:
    for kind, spell in (("byte_level", byte_level_piece), ("llama", "<0x{:02X}>".format)):
        tokenizer = trained[kind]
        ids = [tokenizer.backend.token_to_id(spell(byte)) for byte in raw]
        got = "".join(written(tokenizer, ids[:cut], ids[cut:], skip=True))
        assert got == added(tokenizer, ids[:cut], ids[cut:], skip=True)


def byte_level_piece(byte: int) -> str:
    """The character of a byte, by the table's definition: printable Latin-1 stands for itself."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [other for other in range(256) if other not in plain]
    return chr(byte) if byte in plain else chr(256 + others.index(byte))


@pytest.mark.parametrize("text", SAMPLES)
def test_real_text_comes_whole_and_never_half_a_character(tokenizer: Tokenizer, text: str) -> None:
    prompt, ids = tokenizer.encode("Hello"), tokenizer.encode(text, special=False)
    deltas = written(tokenizer, prompt, ids, skip=True)
    assert "".join(deltas) == added(tokenizer, prompt, ids, skip=True)
    assert not any("\ufffd" in delta for delta in deltas)


def test_every_cut_of_an_emoji_is_clean(trained: dict[str, Tokenizer]) -> None:
    for kind in ("byte_level", "llama", "unigram"):
        tokenizer = trained[kind]
        ids = tokenizer.encode("a 🦄 b", special=False)
        assert len(ids) >= 6  # the animal is in no vocabulary, so it comes in bytes
        deltas = written(tokenizer, tokenizer.encode("x"), ids, skip=True)
        assert [delta for delta in deltas if "🦄" in delta]
        assert not any("\ufffd" in delta for delta in deltas)


def test_bytes_cut_off_by_the_end_show_as_replacement(trained: dict[str, Tokenizer]) -> None:
    tokenizer = trained["byte_level"]
    ids = tokenizer.encode("a🦄", special=False)[:-1]
    *before, last = written(tokenizer, [], ids, skip=True)
    assert "".join(before) == "a"
    assert last == "\ufffd"


def test_the_continuation_keeps_its_leading_space(trained: dict[str, Tokenizer]) -> None:
    for kind in ("llama", "unigram"):
        tokenizer = trained[kind]
        ids = tokenizer.encode("the dog", special=False)
        assert "".join(written(tokenizer, tokenizer.encode("x"), ids, skip=True)) == " the dog"
        assert "".join(written(tokenizer, [], ids, skip=True)) == "the dog"


def test_the_cost_of_a_token_does_not_grow(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the text, an id is decoded at most three times; so in endless runs of bytes."""
    lengths: list[int] = []
    plain = tokenizer.decode
    monkeypatch.setattr(
        tokenizer, "decode", lambda ids, **kw: lengths.append(len(ids)) or plain(ids, **kw)
    )
    for text in ("the dog ", "🦄"):
        lengths.clear()
        ids = tokenizer.encode(text * 500, special=False)
        stream = Detokenizer(tokenizer, tokenizer.encode("Hello " * 500))
        stream.push(ids)
        stream.flush()
        assert sum(lengths) <= 3 * len(ids) + 3


def test_a_decoder_that_cannot_be_followed_is_refused(
    backends: dict[str, Backend], save: Callable[..., Path]
) -> None:
    backend = Backend.from_str(backends["byte_level"].to_str())
    backend.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Replace("a", "b")])
    with pytest.raises(TokenizerError, match="ByteLevel, Replace"):
        Detokenizer(Tokenizer(save(backend)), [])
