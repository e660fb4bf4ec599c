"""Nothing is timed that is not right: the engine's tokens against the rival's, in float32."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from bench.peers import hf_loop
from proxyfuse import LLM, SamplingParams
from proxyfuse.trio import Trio


class WrongOutputError(Exception):
    """The engine and its rival write different tokens; there is nothing to time."""


def random_prompts(count: int, lengths: tuple[int, int], vocab: int, seed: int) -> list[list[int]]:
    """The same ones every time; ids that no tokenizer of ours gives a special meaning."""
    rng = random.Random(seed)
    return [[rng.randrange(3, vocab) for _ in range(rng.randint(*lengths))] for _ in range(count)]


def require_equal(trio: Trio[Path], vocab: int, tokens: int = 8) -> None:
    """Greedy tokens of both, alone and batched, must be the same; raises `WrongOutputError`."""
    prompts = random_prompts(3, (2, 40), vocab, seed=1)
    params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)
    with open_llm(trio, dtype="float32") as llm:
        mine = [o.outputs[0].token_ids for o in llm.generate(prompts, params, use_tqdm=False)]
    models = hf_loop.load(trio, torch.float32)
    shared = [Trio(dict.fromkeys(models, prompt)) for prompt in prompts]
    theirs = hf_loop.generate(models, shared, [tokens] * len(prompts))
    if mine != theirs:
        raise WrongOutputError(f"got {mine}, the Hugging Face loop has {theirs}")


def open_llm(trio: Trio[Path], **options: object) -> LLM:
    """An engine over a trio's folders, which may have no tokenizer."""
    return LLM(*trio.values(), device="cpu", skip_tokenizer_init=True, **options)
