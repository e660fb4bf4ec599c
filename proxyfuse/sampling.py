"""What a caller may ask of one request's text. Names and meanings follow vLLM where they agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Any, Self

from proxyfuse.errors import RequestError
from proxyfuse.ranges import FLOAT32_MOST, is_real, is_whole

GREEDY_BELOW = 1e-5  # temperatures under this are greedy: dividing by them only loses precision

WHOLE = {  # the least and the most
    "n": (1, 1024),
    "top_k": (-1, 2**31 - 1),
    "seed": (-(2**63), 2**64 - 1),
    "max_tokens": (1, math.inf),
    "min_tokens": (0, math.inf),
    "logprobs": (0, 1000),
    "prompt_logprobs": (0, 1000),
}
REAL = {
    "temperature": (0, FLOAT32_MOST),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "presence_penalty": (-100, 100),
    "frequency_penalty": (-100, 100),
    "repetition_penalty": (0, 100),
    "alpha": (-FLOAT32_MOST, FLOAT32_MOST),
}
NOT_ZERO = ("top_p", "repetition_penalty")
OPTIONAL = ("seed", "max_tokens", "logprobs", "prompt_logprobs", "allowed_token_ids", "alpha")
SWITCHES = ("include_stop_str_in_output", "ignore_eos", "skip_special_tokens")
IDS = ("stop_token_ids", "allowed_token_ids")


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How to write one request's continuations; frozen, validated at birth.

    Raises `RequestError` naming every field that is unknown or out of range. Lists, sets and single
    items become tuples where tuples stand; `dataclasses.replace` gives a copy with other fields.

    Applied in this order: fuse, `logit_bias` and `min_tokens`, repetition / presence / frequency
    penalties, `allowed_token_ids`, temperature, top_k, top_p, min_p, draw.
    """

    n: int = 1
    temperature: float = 1.0  # 0 is greedy
    top_p: float = 1.0
    top_k: int = 0  # 0 (or vLLM's -1): all tokens
    min_p: float = 0.0
    seed: int | None = None  # None: drawn from the engine's own seed, in order of arrival
    max_tokens: int | None = 16  # None: up to the context's end
    min_tokens: int = 0
    stop: Seq[str] = ()
    stop_token_ids: Seq[int] = ()
    include_stop_str_in_output: bool = False
    ignore_eos: bool = False
    skip_special_tokens: bool = True
    logprobs: int | None = None  # the drawn token's, and those of the n likeliest
    prompt_logprobs: int | None = None  # the same for the prompt's own tokens
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    allowed_token_ids: Seq[int] | None = None
    alpha: float | None = None  # None: the engine's own

    def __new__(cls, **given: Any) -> Self:
        known = cls.__dataclass_fields__
        unknown = [name for name in given if name not in known]
        if unknown:
            raise RequestError(f"{', '.join(unknown)}: unknown, want some of {', '.join(known)}")
        return object.__new__(cls)

    def __post_init__(self) -> None:
        for name in ("stop", *IDS):
            self._set(name, _as_tuple(getattr(self, name), keep_none=name in OPTIONAL))
        self._set("logit_bias", {} if self.logit_bias is None else self.logit_bias)
        wrong = [*self._out_of_range()]
        if not wrong:
            self._set("logit_bias", {token: float(x) for token, x in self.logit_bias.items()})
            for name in REAL:
                value = getattr(self, name)
                if type(value) is not float and value is not None:
                    self._set(name, float(value))
            wrong = [*self._contradictions()]
        if wrong:
            raise RequestError("; ".join(wrong))

    def _set(self, name: str, value: object) -> None:
        """Only before anybody has seen it."""
        object.__setattr__(self, name, value)

    def _out_of_range(self) -> Iterator[str]:
        """One sentence for each bad field: its name, what was got, what is wanted."""
        for name, each in self.__dataclass_fields__.items():
            value = getattr(self, name)
            if type(value) is type(each.default) and value == each.default:
                continue  # most fields of most requests: this is run for each one
            unset = value is None and name in OPTIONAL
            wanted = None if unset else _wanted(name, value)
            if wanted is not None:
                or_none = ", or None" if name in OPTIONAL else ""
                yield f"{name}: got {value!r:.80}, want {wanted}{or_none}"

    def _contradictions(self) -> Iterator[str]:
        if "" in self.stop:
            yield "stop: got an empty string, want strings that can occur"
        if self.allowed_token_ids == ():
            yield "allowed_token_ids: got no id, want at least one, or None for all"
        if self.max_tokens is not None and self.min_tokens > self.max_tokens:
            wanted = f"at most max_tokens={self.max_tokens}"
            yield f"min_tokens: got {self.min_tokens}, want {wanted}"

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken instead of a draw."""
        return self.temperature < GREEDY_BELOW

    @property
    def penalised(self) -> bool:
        """Whether what was written changes what is likely, other than through the models."""
        neutral = self.repetition_penalty == 1.0
        return not (neutral and self.presence_penalty == 0 and self.frequency_penalty == 0)

    @property
    def changes(self) -> bool:
        """Whether the rows of one sequence differ in more than their position."""
        return self.min_tokens > 0 or self.penalised


def _as_tuple(value: object, keep_none: bool) -> object:
    """One item or many as a tuple; what is neither is left as it is, to be refused."""
    if value is None and not keep_none:
        return ()
    if isinstance(value, str | int) and not isinstance(value, bool):
        return (value,)
    many = isinstance(value, Seq | set | frozenset) and not isinstance(value, bytes | bytearray)
    return tuple(value) if many else value  # type: ignore[arg-type]


def _wanted(name: str, value: object) -> str | None:
    """What a field wants instead of this value, or None where it is good."""
    if name in WHOLE:
        least, most = WHOLE[name]
        range_ = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        return None if is_whole(value, least, most) else f"a whole number {range_}"
    if name in REAL:
        low, high = REAL[name]
        good = is_real(value, low, high) and not (name in NOT_ZERO and value == 0)
        start = "above 0 and up to" if name in NOT_ZERO else f"from {low:g} to"
        return None if good else f"a number {start} {high:g}"
    if name in SWITCHES:
        return None if isinstance(value, bool) else "True or False"
    if name == "stop":
        good = isinstance(value, tuple) and all(isinstance(text, str) for text in value)
        return None if good else "a string or a list of strings"
    if name in IDS:
        good = isinstance(value, tuple) and all(map(is_whole, value))
        return None if good else "token ids, whole numbers of at least 0"
    good = isinstance(value, Mapping) and all(
        is_whole(token) and is_real(bias) for token, bias in value.items()
    )
    return None if good else "a mapping of token ids to finite numbers"
