"""How strings of ids become a text, one id at a time, for each kind of decoder a tokenizer has.

A text is closed after a token when nothing that follows can change what was written so far. Text is
given out up to the last closed border; only what lies behind it is kept.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Protocol

from tokenizers import pre_tokenizers

from proxyfuse.errors import TokenizerError
from proxyfuse.text.tokenizer import Tokenizer

BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")
UTF8_LONGEST = 4  # bytes of a character


class Decoding(Protocol):
    """Writes one text from ids that have a string."""

    context: int  # how many tokens that `counts` must precede a token for it to be read rightly

    def counts(self, token: int) -> bool:
        """Whether a token is enough of a border to count as context."""

    def push(self, token: int) -> str:
        """The text that this id completes."""

    def rest(self) -> str:
        """The text behind the last closed border, were this the end."""


class ByteLevel:
    """Every string spells bytes, one character each, and the text is all bytes read as UTF-8."""

    context = UTF8_LONGEST  # a character's bytes may come in as many tokens

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._pieces = tokenizer.pieces
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def counts(self, token: int) -> bool:
        return bool(self._pieces[token])

    def push(self, token: int) -> str:
        return self._utf8.decode(spelled_bytes(self._pieces[token] or ""))

    def rest(self) -> str:
        return self._utf8.getstate()[0].decode("utf-8", "replace")


class Window:
    """Any decoder that joins strings one by one; a run of byte tokens is open until it ends.

    One closed token is kept before the open ones and decoded along with them, because decoders
    treat the first token of a text differently: most drop its leading space.
    """

    context = 1

    def __init__(self, tokenizer: Tokenizer, *, byte_fallback: bool) -> None:
        self._tokenizer = tokenizer
        self._byte_fallback = byte_fallback
        self._anchor: list[int] = []
        self._anchor_text = ""
        self._open: list[int] = []

    def counts(self, token: int) -> bool:
        piece = self._tokenizer.pieces[token] or ""
        return not (self._byte_fallback and BYTE_TOKEN.fullmatch(piece))

    def push(self, token: int) -> str:
        self._open.append(token)
        if not self.counts(token):
            return ""
        text = self.rest()
        self._anchor = [token]
        self._anchor_text = self._decode(self._anchor)
        self._open = []
        return text

    def rest(self) -> str:
        if not self._open:
            return ""
        return self._decode(self._anchor + self._open)[len(self._anchor_text) :]

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special=False)


def decoding_of(tokenizer: Tokenizer) -> Decoding:
    """The one that its decoder calls for; raises `TokenizerError` for a mixture with ByteLevel."""
    steps = {str(step["type"]) for step in tokenizer.decoder_steps} - {"Fuse"}
    if steps == {"ByteLevel"}:
        return ByteLevel(tokenizer)
    if "ByteLevel" in steps:
        names = ", ".join(sorted(steps))
        raise TokenizerError(
            f"tokenizer in {str(tokenizer.folder)!r}: got a decoder of {names}, "
            "want ByteLevel alone or none of it"
        )
    return Window(tokenizer, byte_fallback="ByteFallback" in steps)


def _alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level string stands for.

    Printable Latin-1 stands for itself; the other bytes, in order, got the characters from U+0100.
    """
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    themselves = {c: ord(c) for c in characters if ord(c) < 256}
    others = sorted(set(range(256)) - set(themselves.values()))
    return themselves | dict(zip(characters[len(themselves) :], others, strict=True))


BYTE_OF = _alphabet()


@lru_cache(maxsize=1 << 16)
def spelled_bytes(piece: str) -> bytes:
    """The bytes of a byte-level string; an added token with other characters is plain text."""
    try:
        return bytes([BYTE_OF[character] for character in piece])
    except KeyError:
        return piece.encode()
