"""Random requests of every kind, and a pool so small that they get in each other's way."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from proxyfuse import Prompt, RequestOutput, SamplingParams

TINY = {"page_size": 3, "kv_cache_bytes": 43_000, "max_num_seqs": 7, "max_num_batched_tokens": 16}


def random_prompt(rng: random.Random, shared: list[int]) -> Prompt:
    """Some prompts share a beginning, some differ by role."""

    def ids() -> list[int]:
        own = [rng.randrange(1, 293) for _ in range(rng.randrange(1, 20))]
        return rng.choice([shared, []]) + own

    same = rng.random() < 0.5
    return Prompt(ids()) if same else Prompt(ids(), expert=ids(), antiexpert=ids())


def random_params(rng: random.Random) -> SamplingParams:
    """Any mix of features, most of them off most of the time."""

    def maybe(value: Any, otherwise: Any) -> Any:
        return value if rng.random() < 0.3 else otherwise

    some = rng.sample(range(293), 40)
    return SamplingParams(
        n=maybe(rng.randrange(1, 4), 1),
        temperature=rng.choice([0.0, 0.5, 1.0, 1.7]),
        top_k=maybe(rng.randrange(1, 40), 0),
        top_p=maybe(rng.uniform(0.2, 1.0), 1.0),
        min_p=maybe(rng.uniform(0.0, 0.3), 0.0),
        seed=rng.choice([rng.randrange(2**64), -rng.randrange(2**63)]),
        max_tokens=rng.randrange(1, 12),
        min_tokens=maybe(1, 0),
        stop_token_ids=maybe(some[:2], []),
        ignore_eos=rng.random() < 0.2,
        logprobs=maybe(rng.randrange(4), None),
        presence_penalty=maybe(rng.uniform(-1, 1), 0.0),
        frequency_penalty=maybe(rng.uniform(-1, 1), 0.0),
        repetition_penalty=maybe(rng.uniform(0.7, 1.5), 1.0),
        logit_bias=maybe({some[2]: 3.0, some[3]: -3.0}, {}),
        allowed_token_ids=maybe(some, None),
        alpha=rng.choice([-0.5, 0.0, 0.3, 1.0, 1.7]),
    )


def random_request(rng: random.Random, shared: list[int]) -> tuple[Prompt, SamplingParams]:
    """The same with what the oracle does not know: stop strings, and prompts that are scored."""
    prompt, params = random_prompt(rng, shared), random_params(rng)
    more: dict[str, Any] = {"max_tokens": rng.randrange(1, 24)}
    if rng.random() < 0.3:
        more["stop"] = tuple(rng.choice(["a", "e", "th", " ", "\u00ff"]) for _ in range(2))
        more["include_stop_str_in_output"] = rng.random() < 0.5
    if rng.random() < 0.2 and prompt.expert is None:
        more["prompt_logprobs"] = rng.randrange(3)
    if rng.random() < 0.4:
        more["alpha"] = 2.5
    return prompt, replace(params, **more)


def texts(outputs: list[RequestOutput]) -> list[Any]:
    """All that a caller reads of outputs, without how it came about."""
    return [(output.prompt_logprobs, [_text(one) for one in output.outputs]) for output in outputs]


def _text(one: Any) -> tuple[Any, ...]:
    ending = (one.finish_reason, one.stop_reason)
    return one.index, one.text, one.token_ids, one.cumulative_logprob, one.logprobs, ending
