"""Ids back to text while they arrive: never half a character, at a constant cost per token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxyfuse.text.decoding import decoding_of
from proxyfuse.text.tokenizer import Tokenizer


class Detokenizer:
    """What a continuation adds to the text of its prompt.

    Everything that `push` and `flush` returned, joined, is `tokenizer.decode(prompt + ids)` without
    the beginning it shares with `tokenizer.decode(prompt)`. Ids that have no string, and special
    ids where they are skipped, add nothing. Raises `TokenizerError` for a decoder it cannot follow.
    """

    def __init__(
        self, tokenizer: Tokenizer, prompt: Sequence[int], *, skip_special: bool = True
    ) -> None:
        self._pieces = tokenizer.pieces
        self._hidden = tokenizer.special_ids if skip_special else frozenset()
        self._decoding = decoding_of(tokenizer)
        self._begin(prompt)
        # A prompt may end inside a character; the half that decode shows of it is not repeated.
        self._repeat = self._decoding.rest()
        self._empty = True

    def push(self, ids: Iterable[int]) -> str:
        """The text that these ids complete."""
        return "".join([self.push_one(token) for token in ids])

    def push_one(self, token: int) -> str:
        """The text that this id completes."""
        self._empty = False
        text = self._decoding.push(token) if self._visible(token) else ""
        return self._own(text) if self._repeat and text else text

    def flush(self) -> str:
        """The end of the text, an unfinished character as U+FFFD; nothing may follow."""
        return "" if self._empty else self._own(self._decoding.rest())

    def _visible(self, token: int) -> bool:
        known = 0 <= token < len(self._pieces) and self._pieces[token] is not None
        return known and token not in self._hidden

    def _begin(self, prompt: Sequence[int]) -> None:
        """Bring the decoding to the prompt's end, from as close to it as is safe."""
        start = len(prompt)
        wanted = self._decoding.context
        while start and wanted:
            start -= 1
            wanted -= self._visible(prompt[start]) and self._decoding.counts(prompt[start])
        for token in filter(self._visible, prompt[start:]):
            self._decoding.push(token)

    def _own(self, text: str) -> str:
        pairs = enumerate(zip(self._repeat, text, strict=False))
        shared = min(len(self._repeat), len(text))
        shared = next((at for at, (a, b) in pairs if a != b), shared)
        self._repeat = ""
        return text[shared:]
