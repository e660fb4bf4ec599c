"""What a caller may ask of one request's text. Names and meanings follow vLLM where they agree."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from proxyfuse.errors import RequestError

GREEDY_BELOW = 1e-5  # temperatures under this are greedy: dividing by them only loses precision

FLOAT32_MOST = 3.4e38  # parameters reach the sampler in float32, where more is an infinity

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-FLOAT32_MOST, le=FLOAT32_MOST)]
Count = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**64)]
Likeliest = Annotated[int, Field(ge=0, le=1000)]


class SamplingParams(BaseModel):
    """How to write one request's continuations; frozen, validated at birth.

    Raises `RequestError` naming every field that is unknown or out of range.

    Applied in this order: fuse, `logit_bias` and `min_tokens`, repetition / presence / frequency
    penalties, `allowed_token_ids`, temperature, top_k, top_p, min_p, draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    n: Annotated[int, Field(ge=1, le=1024)] = 1
    temperature: Annotated[Finite, Field(ge=0)] = 1.0  # 0 is greedy
    top_p: Annotated[Finite, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=-1, lt=2**31)] = 0  # 0 (or vLLM's -1): all tokens
    min_p: Annotated[Finite, Field(ge=0, le=1)] = 0.0
    seed: Seed | None = None  # None: drawn from the engine's own seed, in order of arrival
    max_tokens: Annotated[int, Field(ge=1)] | None = 16  # None: up to the context's end
    min_tokens: Count = 0
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[Count, ...] = ()
    include_stop_str_in_output: bool = False
    ignore_eos: bool = False
    skip_special_tokens: bool = True
    logprobs: Likeliest | None = None  # the drawn token's, and those of the n likeliest
    prompt_logprobs: Likeliest | None = None  # the same for the prompt's own tokens
    presence_penalty: Annotated[Finite, Field(ge=-100, le=100)] = 0.0
    frequency_penalty: Annotated[Finite, Field(ge=-100, le=100)] = 0.0
    repetition_penalty: Annotated[Finite, Field(gt=0, le=100)] = 1.0
    logit_bias: dict[Count, Finite] = Field(default_factory=dict)
    allowed_token_ids: tuple[Count, ...] | None = None
    alpha: Finite | None = None  # None: the engine's own

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise RequestError(_explain(error)) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same with other fields, validated like any other; raises `RequestError`."""
        return type(self)(**{**self.model_dump(exclude_unset=True), **(update or {})})

    @field_validator("stop", "stop_token_ids", "allowed_token_ids", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        if isinstance(value, str | int) and not isinstance(value, bool):
            return (value,)
        return tuple(value) if isinstance(value, Seq | set | frozenset) else value

    @field_validator("stop", "stop_token_ids", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return () if value is None else value

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _no_bias(cls, value: object) -> object:
        return {} if value is None else value

    @model_validator(mode="after")
    def _coherent(self) -> SamplingParams:
        if "" in self.stop:
            raise ValueError("stop: got an empty string, want strings that can occur")
        if self.allowed_token_ids == ():
            raise ValueError("allowed_token_ids: got no id, want at least one, or None for all")
        if self.max_tokens is not None and self.min_tokens > self.max_tokens:
            wanted = f"at most max_tokens={self.max_tokens}"
            raise ValueError(f"min_tokens: got {self.min_tokens}, want {wanted}")
        return self

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken instead of a draw."""
        return self.temperature < GREEDY_BELOW


def _explain(error: ValidationError) -> str:
    """One line per bad field: its name, what was wrong, what was got."""
    lines = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        got = "" if not name else f" (got {item['input']!r:.80})"
        lines.append(f"{name}: {item['msg']}{got}" if name else item["msg"])
    return "; ".join(lines)
