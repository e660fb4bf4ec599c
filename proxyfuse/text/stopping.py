"""Stop strings, found wherever token borders fall, in a stream that never takes text back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proxyfuse.sampling import SamplingParams
from proxyfuse.text.detokenize import Detokenizer
from proxyfuse.text.tokenizer import Tokenizer


class StopMatcher:
    """Cuts a text before the stop string that is complete first; of two at once, the longer.

    What comes out depends on the text alone, never on how it was cut into pieces. Only text that
    may still be the beginning of a stop string is held back.
    """

    def __init__(self, stops: Sequence[str], *, include: bool = False) -> None:
        self._needles = [_Needle(stop) for stop in stops]
        self._include = include
        self._held = ""
        self.matched: str | None = None

    def push(self, text: str) -> str:
        """The text that is now certain. Nothing more comes after a match."""
        if self.matched is not None or not self._needles:
            return "" if self.matched is not None else text
        buffer = self._held + text
        for end, character in enumerate(text, start=len(self._held) + 1):
            found = [needle.string for needle in self._needles if needle.step(character)]
            if found:
                self.matched = max(found, key=len)
                self._held = ""
                return buffer[: end if self._include else end - len(self.matched)]
        held = max(needle.length for needle in self._needles)
        self._held = buffer[len(buffer) - held :]
        return buffer[: len(buffer) - held]

    def flush(self) -> str:
        """The text held back, which is no stop string after all."""
        held, self._held = self._held, ""
        return held


class _Needle:
    """One stop string, followed character by character (Knuth, Morris and Pratt)."""

    def __init__(self, string: str) -> None:
        self.string = string
        self.length = 0  # how long a beginning of `string` the text now ends with
        self._shorter = [0] * (len(string) + 1)  # the next shorter one to try, for each length
        for length in range(1, len(string)):
            self._shorter[length + 1] = self._longer(self._shorter[length], string[length])

    def step(self, character: str) -> bool:
        """Whether the string is complete with this character."""
        self.length = self._longer(self.length, character)
        return self.length == len(self.string)

    def _longer(self, length: int, character: str) -> int:
        while self.string[length] != character:
            if not length:
                return 0
            length = self._shorter[length]
        return length + 1


class Written(NamedTuple):
    """What some ids added to a text."""

    text: str
    stop: str | None  # the stop string that ended the text, if one did
    used: int  # ids up to and with the one that completed it; all of them otherwise


class TextStream:
    """One continuation's text: ids in, text out, until a stop string.

    An id that ends the text by itself (eos, `stop_token_ids`) is the caller's to keep back where it
    should not be shown. Stop strings count from the token after `min_tokens` on.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int], params: SamplingParams) -> None:
        self._detokenizer = Detokenizer(tokenizer, prompt, skip_special=params.skip_special_tokens)
        self._matcher = StopMatcher(params.stop, include=params.include_stop_str_in_output)
        self._exempt = params.min_tokens if params.stop else 0

    @property
    def stop(self) -> str | None:
        """The stop string that ended the text, if one did."""
        return self._matcher.matched

    def push(self, ids: Sequence[int]) -> Written:
        """Add ids; those behind a stop string are not used."""
        parts: list[str] = []
        for used, token in enumerate(ids):
            if self.stop is not None:
                return Written("".join(parts), self.stop, used)
            parts.append(self._pass(self._detokenizer.push_one(token)))
        return Written("".join(parts), self.stop, len(ids))

    def finish(self) -> str:
        """The rest of the text; `stop` says whether a stop string was in it."""
        return self._matcher.push(self._detokenizer.flush()) + self._matcher.flush()

    def _pass(self, text: str) -> str:
        if self._exempt:
            self._exempt -= 1
            return text
        return self._matcher.push(text)
