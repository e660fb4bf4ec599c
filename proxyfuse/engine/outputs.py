"""What a caller gets back. Names and meanings follow vLLM's where they agree."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Literal

FinishReason = Literal["stop", "length", "abort", "error"]


@dataclass(frozen=True, slots=True)
class Logprob:
    """One token's log-probability under softmax(fused), before any bias, penalty or temperature.

    `base`, `expert` and `antiexpert` are the token's log-probabilities under each role alone; they
    are known for the chosen token only, and None where a role did not run.
    """

    logprob: float
    rank: int | None = None  # 1 is the likeliest
    decoded_token: str | None = None
    base: float | None = None
    expert: float | None = None
    antiexpert: float | None = None


TokenLogprobs = dict[int, Logprob]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an engine has written since it was loaded."""

    base_passes: int = 0  # of one sequence, that gave it tokens
    drafted: int = 0  # drafts that were verified in them
    accepted: int = 0  # drafts that were kept
    steps: int = 0  # that a device ran beside the host, and were settled
    host_seconds: float = 0.0  # in those steps that the host worked
    waited_seconds: float = 0.0  # and that it waited: none of its work delayed the device

    @property
    def tokens_per_base_pass(self) -> float:
        """1 without speculation; 0 before the first token."""
        return _per_pass(self.base_passes, self.accepted)

    @property
    def acceptance(self) -> float | None:
        """Share of the verified drafts that were kept; None where there were none."""
        return self.accepted / self.drafted if self.drafted else None

    def since(self, before: Metrics) -> Metrics:
        """What was counted after `before` was read."""
        names = [field.name for field in fields(Metrics)]
        return Metrics(*(getattr(self, name) - getattr(before, name) for name in names))

    def settled(self, spent: float, waited: float) -> Metrics:
        """With one step more, of which so many seconds were spent and, of those, waited."""
        return replace(
            self,
            steps=self.steps + 1,
            host_seconds=self.host_seconds + spent - waited,
            waited_seconds=self.waited_seconds + waited,
        )


def _per_pass(passes: int, accepted: int) -> float:
    return (passes + accepted) / passes if passes else 0.0


@dataclass(slots=True)
class CompletionOutput:
    """One continuation: whole from `generate`, only what is new from `stream`.

    The counts of speculation are those of the whole continuation so far in either case: passes of
    the base that wrote tokens, drafts that were verified in them, and those that were kept. They
    and the times take no part in comparisons: one text may take more or fewer passes.
    """

    index: int
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    token_times: list[float] = field(default_factory=list, compare=False)  # by `perf_counter`
    cumulative_logprob: float = 0.0
    logprobs: list[TokenLogprobs] | None = None
    finish_reason: FinishReason | None = None
    stop_reason: int | str | None = None  # the stop id or string; an error's message
    error_kind: str | None = None  # of an error: the `kind` of its class in proxyfuse.errors
    base_passes: int = field(default=0, compare=False)
    drafted: int = field(default=0, compare=False)
    accepted: int = field(default=0, compare=False)

    @property
    def tokens_per_base_pass(self) -> float:
        """1 without speculation; 0 before the first token."""
        return _per_pass(self.base_passes, self.accepted)


@dataclass(slots=True)
class RequestOutput:
    """One request's continuations, in the order of their index."""

    request_id: str
    prompt: str | None
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    finished: bool = False
    prompt_logprobs: list[TokenLogprobs | None] | None = None  # the first token has none
    scores: list[Logprob] | None = None  # of a given continuation; see `LLM.score`


@dataclass(frozen=True, slots=True)
class Score:
    """A continuation's log-probabilities in nats, one a token: fused, and under each role."""

    token_ids: list[int]
    fused: list[float]
    base: list[float]
    expert: list[float] | None = None
    antiexpert: list[float] | None = None

    @property
    def total(self) -> float:
        """The whole continuation's log-probability under the fused distribution."""
        return sum(self.fused)
