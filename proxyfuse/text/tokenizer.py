"""One model's tokenizer, read from its folder: text to ids and back, and what an id stands for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from proxyfuse.errors import RequestError, TokenizerError

WANTED = ("tokenizer.json", "tokenizer_config.json")


class Tokenizer:
    """A fast tokenizer from a local folder; code in the folder is never run.

    Safe to share between threads: nothing changes after construction but caches.
    Raises `TokenizerError` where the folder holds no usable fast tokenizer.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.hf = _load(self.folder)
        self.backend: tokenizers.Tokenizer = self.hf.backend_tokenizer
        self.backend.no_truncation()
        self.backend.no_padding()

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids of a text; `special` adds what the model wants around a plain prompt, often a bos.

        Raises `RequestError` for half a character (a lone surrogate), which JSON may well contain.
        """
        try:
            return list(self.backend.encode(text, add_special_tokens=special).ids)
        except TypeError as error:
            wanted = "a string without lone surrogates"
            raise RequestError(f"text: got {text!r:.80}, want {wanted}") from error

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """The text of ids, with no clean-up of spaces; ids without a string drop out."""
        return str(self.backend.decode(list(ids), skip_special_tokens=skip_special))

    def piece(self, token: int) -> str | None:
        """The string that an id stands for in the vocabulary, or None where it stands for none."""
        return self.pieces[token] if 0 <= token < len(self.pieces) else None

    @cached_property
    def pieces(self) -> tuple[str | None, ...]:
        """The string of every id from 0 to the highest that has one; None in the gaps."""
        vocabulary = self.backend.get_vocab(with_added_tokens=True)
        pieces: list[str | None] = [None] * (1 + max(vocabulary.values(), default=-1))
        for string, token in vocabulary.items():
            pieces[token] = string
        for token in self.backend.get_added_tokens_decoder():
            # Wins over a vocabulary entry of the same id, and may have passed the normalizer.
            pieces[token] = self.backend.id_to_token(token)
        return tuple(pieces)

    @cached_property
    def recipe(self) -> bytes:
        """Tokenizers of one recipe make the same ids of every text."""
        return hashlib.sha256(self.backend.to_str().encode()).digest()

    @property
    def size(self) -> int:
        """One more than the highest id that has a string."""
        return len(self.pieces)

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids that `skip_special` leaves out."""
        added = self.backend.get_added_tokens_decoder()
        return frozenset(token for token, content in added.items() if content.special)

    @cached_property
    def eos_ids(self) -> frozenset[int]:
        """Ids that end a text: the tokenizer's own, and those the model's configurations list."""
        own = self.hf.eos_token_id
        found = {own} if isinstance(own, int) else set()
        for name in ("generation_config.json", "config.json"):
            listed = _json(self.folder / name).get("eos_token_id")
            ids = listed if isinstance(listed, list) else [listed]
            found.update(token for token in ids if isinstance(token, int))
        return frozenset(found)

    @property
    def chat_template(self) -> str | None:
        """The folder's own (default) chat template, in Jinja."""
        template: object = self.hf.chat_template
        if isinstance(template, dict):
            template = template.get("default")
        return template if isinstance(template, str) else None

    @cached_property
    def decoder_steps(self) -> tuple[dict[str, object], ...]:
        """The steps of its decoder, which joins strings into a text, as tokenizer.json has them."""
        if self.backend.decoder is None:
            return ()
        spec = json.loads(self.backend.decoder.__getstate__())
        return tuple(spec["decoders"]) if spec["type"] == "Sequence" else (spec,)


def _load(folder: Path) -> PreTrainedTokenizerBase:
    if not folder.is_dir():
        wanted = " and ".join(WANTED)
        raise TokenizerError(
            f"tokenizer: got {str(folder)!r}, which is no folder; want one with {wanted}"
        )
    try:
        loaded = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # whatever the reading of foreign files raises
        why = str(error).strip().partition("\n")[0]
        raise _unusable(folder, f"{type(error).__name__}: {why}") from error
    if not loaded.is_fast:
        raise _unusable(folder, f"{type(loaded).__name__} has no fast form")
    return loaded


def _unusable(folder: Path, why: str) -> TokenizerError:
    names = sorted(path.name for path in folder.iterdir())
    found = [name for name in names if "token" in name or "vocab" in name]
    return TokenizerError(
        f"tokenizer in {str(folder)!r}: found {', '.join(found) or 'no tokenizer file'}, "
        f"want readable {' and '.join(WANTED)} ({why})"
    )


def _json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
