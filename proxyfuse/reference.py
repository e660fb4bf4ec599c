"""The whole engine again, slow and plain: one sequence, dense attention, no cache. The oracle.

    fused = base + alpha * (expert - antiexpert)
    token = draw(fused, the request's parameters, the noise of (seed, stream, position))

Every logit is computed from all tokens, at every token, in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from proxyfuse.errors import NonFiniteError
from proxyfuse.models.config import ModelConfig
from proxyfuse.models.reference import next_logits
from proxyfuse.models.weights import Weights
from proxyfuse.sampling import SamplingParams
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows
from proxyfuse_kernels.proxy_sample.reference import proxy_sample


@dataclass(frozen=True, slots=True)
class Model:
    """What the oracle knows of a model."""

    config: ModelConfig
    weights: Weights

    def logits(self, ids: Sequence[int]) -> Tensor:
        """Of the token after `ids`: [V] float32."""
        return next_logits(self.config, self.weights, ids)


@dataclass(slots=True)
class Written:
    """A continuation, a value for each of its tokens, and why it ended."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)  # under softmax(fused)
    role_logprobs: list[Trio[float]] = field(default_factory=list)  # under each role alone
    top_logprobs: list[dict[int, float]] = field(default_factory=list)  # the params.logprobs best
    finish_reason: str | None = None  # "stop" or "length"


def write(
    models: Trio[Model],
    prompts: Trio[Sequence[int]],
    params: SamplingParams,
    *,
    seed: int,
    vocab: int,
    max_model_len: int,
    alpha: float = 1.0,
    stream: int = 0,
    given: Sequence[int] | None = None,
) -> Written:
    """The continuation number `stream` of a request; with `given`, those tokens instead, scored.

    `vocab`: ids that may be drawn are below it. `alpha`: where params name none; 0 is the base
    alone. Raises `NonFiniteError` where there is nothing to draw from.
    """
    alpha = alpha if params.alpha is None else params.alpha
    roles = models.roles if alpha else (Role.BASE,)
    eos = {i for model in models.values() for i in model.config.eos_token_ids}
    stops = set(params.stop_token_ids) | (set() if params.ignore_eos else eos)
    room = max_model_len - max(len(prompts[role]) for role in roles)
    limit = min(room, room if params.max_tokens is None else params.max_tokens)
    written = Written()
    while written.finish_reason is None:
        ids = written.token_ids
        logits = [models[role].logits([*prompts[role], *ids])[None] for role in roles]
        forbidden = stops if len(ids) < params.min_tokens else set()
        rows = sample_row(params, alpha, seed, stream, prompts.base, ids, forbidden, vocab, given)
        draws = proxy_sample(logits, rows, vocab=vocab, top=params.logprobs or 0, roles=True)
        record(written, draws, roles)
        if given is not None:
            written.finish_reason = "length" if len(ids) == len(given) else None
        elif ids[-1] in stops:
            written.finish_reason = "stop"
        elif len(ids) >= limit:
            written.finish_reason = "length"
    return written


def record(written: Written, draws: SampleDraws, roles: tuple[Role, ...]) -> None:
    """Append the drawn token and its values."""
    if not draws.finite[0]:
        raise NonFiniteError(f"token {len(written.token_ids)}: got a logit that is not finite")
    assert draws.role_logprobs is not None
    written.token_ids.append(int(draws.tokens[0]))
    written.logprobs.append(float(draws.logprobs[0]))
    written.role_logprobs.append(
        Trio({role: float(draws.role_logprobs[0, role]) for role in roles})
    )
    if draws.top_ids is not None and draws.top_logprobs is not None:
        pairs = zip(draws.top_ids[0].tolist(), draws.top_logprobs[0].tolist(), strict=True)
        written.top_logprobs.append(dict(pairs))


def sample_row(
    params: SamplingParams,
    alpha: float,
    seed: int,
    stream: int,
    prompt: Sequence[int],
    continuation: Sequence[int],
    forbidden: set[int],
    vocab: int,
    given: Sequence[int] | None,
) -> SampleRows:
    """The sampler's arguments for the next token; penalties look at the base's prompt."""
    bias = {**params.logit_bias, **dict.fromkeys(forbidden, -torch.inf)}
    position, tokens = len(continuation), [*prompt, *continuation]
    return SampleRows(
        alpha=_f32(alpha),
        temperature=_f32(0 if params.greedy else params.temperature),
        top_k=_i32(max(params.top_k, 0)),
        top_p=_f32(params.top_p),
        min_p=_f32(params.min_p),
        seed=torch.tensor([(seed + 2**63) % 2**64 - 2**63]),  # its 64 bits as a signed number
        stream=_i32(stream),
        position=_i32(position),
        repetition=_f32(params.repetition_penalty),
        presence=_f32(params.presence_penalty),
        frequency=_f32(params.frequency_penalty),
        history=_i32(*tokens),
        history_start=_i32(0),
        history_split=_i32(len(prompt)),
        history_end=_i32(len(tokens)),
        bias_ids=_i32(*bias.keys()),
        bias_values=_f32(*bias.values()),
        bias_start=_i32(0, len(bias)),
        allowed=bitmask(params.allowed_token_ids, vocab),
        allowed_row=_i32(0),
        given=_i32(0 if given is None else given[position]),
        is_given=torch.tensor([given is not None]),
    )


def bitmask(ids: Sequence[int] | None, vocab: int) -> Tensor | None:
    """[1, ceil(vocab / 32)] int32 with a bit for each id, or None where all are allowed."""
    if ids is None:
        return None
    words = torch.zeros(1, -(-vocab // 32), dtype=torch.int64)
    for i in set(ids):
        words[0, i // 32] |= 1 << (i % 32)
    return words.int()


def _f32(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _i32(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)
