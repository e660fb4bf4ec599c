"""Nothing is timed that is not right."""

from __future__ import annotations

from collections.abc import Sequence

from proxyfuse import LLM, SamplingParams
from proxyfuse.errors import EngineError

# Nats a token may score differently when it is read back: 16-bit rounding, not an error.
NEAR = 0.01


def check(llm: LLM, prompts: Sequence[list[int]]) -> None:
    """Raise `EngineError` if a text depends on its batch or scores otherwise when read back."""
    params = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True, logprobs=0)
    together = llm.generate(prompts, params, use_tqdm=False)[0].outputs[0]
    alone = llm.generate([prompts[0]], params, use_tqdm=False)[0].outputs[0]
    if alone.token_ids != together.token_ids:
        raise EngineError(
            f"alone {alone.token_ids}, in the batch {together.token_ids}; want one text"
        )
    read = llm.score([prompts[0]], [alone.token_ids], use_tqdm=False)[0].fused
    wrote = [
        one[token].logprob for one, token in zip(alone.logprobs or (), alone.token_ids, strict=True)
    ]
    apart = max(abs(a - b) for a, b in zip(read, wrote, strict=True))
    if apart > NEAR:
        raise EngineError(
            f"a token scores {apart:.4f} nats apart when read back, want {NEAR} at most"
        )


def require_same(drafting: LLM, plain: LLM, prompts: Sequence[list[int]]) -> None:
    """Raise `EngineError` unless both write the same texts: drafts may change none."""
    params = SamplingParams(temperature=0, max_tokens=16, ignore_eos=True)
    texts = [
        [output.outputs[0].token_ids for output in llm.generate(prompts, params, use_tqdm=False)]
        for llm in (drafting, plain)
    ]
    if texts[0] != texts[1]:
        raise EngineError(f"with drafts {texts[0]}, without {texts[1]}; want the same texts")
