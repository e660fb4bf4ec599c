"""A tokenizer does what transformers does with the same folder, and says so when it cannot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer

from proxyfuse.errors import RequestError, TokenizerError
from proxyfuse.text.tokenizer import Tokenizer

TEXT = "The dog, 你好 🙂 naïve€ <|im_end|> two words"


def test_ids_and_text_are_those_of_transformers(tokenizer: Tokenizer) -> None:
    hf = AutoTokenizer.from_pretrained(tokenizer.folder)
    ids = tokenizer.encode(TEXT)
    assert ids == hf(TEXT)["input_ids"]
    assert ids[0] == hf.bos_token_id
    bare = tokenizer.encode(TEXT, special=False)
    assert bare == hf(TEXT, add_special_tokens=False)["input_ids"]
    assert bare[0] != hf.bos_token_id
    for skip in (True, False):
        want = hf.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False)
        assert tokenizer.decode(ids, skip_special=skip) == want


def test_every_id_has_the_string_that_the_backend_gives_it(tokenizer: Tokenizer) -> None:
    assert tokenizer.size == 1 + max(tokenizer.backend.get_vocab().values())
    for token in range(tokenizer.size + 2):
        assert tokenizer.piece(token) == tokenizer.backend.id_to_token(token)
    assert tokenizer.piece(-1) is None


def test_half_a_character_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(RequestError, match=r"got 'a\\ud83d', want a string without lone"):
        tokenizer.encode("a\ud83d")


def test_special_ids_are_what_decode_skips(tokenizer: Tokenizer) -> None:
    assert {tokenizer.piece(token) for token in tokenizer.special_ids} == {
        "<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>",
    }  # fmt: skip


def test_eos_ids_come_from_every_file_that_names_them(
    backends: dict[str, Backend], save: Callable[..., Path]
) -> None:
    folder = save(backends["byte_level"])
    assert Tokenizer(folder).eos_ids == {2}
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [4, 2]}))
    (folder / "config.json").write_text(json.dumps({"eos_token_id": 3}))
    assert Tokenizer(folder).eos_ids == {2, 3, 4}


def test_truncation_in_the_file_does_not_cut_prompts(
    backends: dict[str, Backend], save: Callable[..., Path]
) -> None:
    backend = Backend.from_str(backends["llama"].to_str())
    backend.enable_truncation(4)
    backend.enable_padding(length=64)
    assert Tokenizer(save(backend)).encode(TEXT) == backends["llama"].encode(TEXT).ids


def test_a_chat_template_is_found_alone_or_among_named_ones(
    backends: dict[str, Backend], save: Callable[..., Path]
) -> None:
    backend = backends["byte_level"]
    named = [{"name": "default", "template": "D"}, {"name": "tools", "template": "T"}]
    assert Tokenizer(save(backend)).chat_template is None
    assert Tokenizer(save(backend, chat_template="X")).chat_template == "X"
    assert Tokenizer(save(backend, chat_template=named)).chat_template == "D"


def test_an_unusable_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="nowhere', which is no folder"):
        Tokenizer(tmp_path / "nowhere")
    with pytest.raises(
        TokenizerError, match=r"found no tokenizer file, want readable tokenizer\.json"
    ):
        Tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{broken")
    with pytest.raises(TokenizerError, match=r"found tokenizer\.json, want .*JSONDecodeError"):
        Tokenizer(tmp_path)
