"""Ways to keep what verification found, judged over text that was written without drafts.

At each token the draft is what the expert would have drawn there, helped by what the way kept of
the text before, from Hugging Face's float32 logits with the noise of that position. It holds if it
is the token that was written. Each row teaches once; an engine that drafts also meets rows after
drafts that were wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from bench.engine.drafts import Prompts
from proxyfuse import LLM, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.trio import Role
from proxyfuse_kernels.hindsight import NEWS, SLOTS, TRUST
from proxyfuse_kernels.proxy_sample.noise import gumbel, random_bits

SLOWLY = 0.05  # weight of news in a mean of a whole text
NOTHING, OTHERS = "nothing", "mean of all other texts"

Judgement = dict[str, dict[str, float]]


class Text(NamedTuple):
    """What was written, and what stood in each row that wrote it."""

    tokens: list[int]  # [T]
    read: list[int]  # [T + 1]: before each token the last two that were read
    expert: Tensor  # [T, V] float32
    found: Tensor  # [T, V] float32, what the fused row has over the expert's


class Way(NamedTuple):
    """By what it is kept, how much of that comes in, how fast it follows."""

    keys: Callable[[Sequence[int]], Sequence[Hashable]]
    trust: float = TRUST
    news: float = NEWS
    slots: int | None = None  # None: one for each key


def by_text(read: Sequence[int]) -> list[Hashable]:
    """One for all rows."""
    return [0] * (len(read) - 1)


def by_token(read: Sequence[int]) -> Sequence[Hashable]:
    """The token that was read last."""
    return read[1:]


def by_two(read: Sequence[int]) -> list[Hashable]:
    """The last two."""
    return list(pairwise(read))


WAYS = {
    "running mean of the text": Way(by_text, news=SLOWLY),
    "by the last two tokens": Way(by_two),
    "by token, a slot for each": Way(by_token),
    **{
        f"by token, trust {trust:g}": Way(by_token, trust, slots=SLOTS)
        for trust in (0.5, 0.65, 0.8, 1.0)
    },
}


def kept(text: Text, way: Way) -> Tensor:  # [T, V]
    """What is kept when each token is to be drawn, of the rows before it."""
    known: dict[Hashable, tuple[Hashable, int, Tensor]] = {}
    out = torch.zeros_like(text.found)
    for row, (key, news) in enumerate(zip(way.keys(text.read), text.found, strict=True)):
        slot = key if way.slots is None else hash(key) % way.slots
        whose, count, mean = known.get(slot, (key, 0, news))
        if whose != key:
            count, mean = 0, news
        out[row] = mean if count else 0
        mean = mean + max(1 / (count + 1), way.news) * (news - mean)
        known[slot] = key, count + 1, mean
    return out


def judge(texts: Sequence[Text], temperature: float, seed: int) -> Judgement:
    """Of each way: the share of drafts that hold, how many do that did not by nothing (`gained`),
    and how many do not that did (`lost`)."""
    total, rows = sum(text.found.sum(0) for text in texts), sum(len(text.tokens) for text in texts)
    helped = {
        NOTHING: [text.expert for text in texts],
        OTHERS: [
            text.expert + TRUST * (total - text.found.sum(0)) / max(rows - len(text.tokens), 1)
            for text in texts
        ],
    }
    for name, way in WAYS.items():
        helped[name] = [text.expert + way.trust * kept(text, way) for text in texts]
    holds = {
        name: torch.cat([_holds(*one, temperature, seed) for one in zip(texts, its, strict=True)])
        for name, its in helped.items()
    }
    plain = holds[NOTHING]
    return {
        name: {
            "held": float(its.double().mean()),
            "gained": int((its & ~plain).sum()),
            "lost": int((plain & ~its).sum()),
        }
        for name, its in holds.items()
    }


def _holds(text: Text, logits: Tensor, temperature: float, seed: int) -> Tensor:  # [T] bool
    """Whether what is drawn of these rows is what was written."""
    if temperature > 0:
        at = torch.arange(len(logits))
        bits = random_bits(torch.full_like(at, seed), torch.zeros_like(at), at, logits.shape[1])
        logits = logits / temperature + gumbel(bits)
    return logits.argmax(1) == torch.tensor(text.tokens)


def judged(settings: Mapping[str, tuple[Prompts, SamplingParams]]) -> dict[str, Judgement]:
    """What the demo trio writes by each setting, whose alpha and seed are named."""
    folders = [model_folder(role.label) for role in Role]
    models = [AutoModelForCausalLM.from_pretrained(at, dtype=torch.float32) for at in folders]
    found = {}
    with LLM(*folders, device="cpu", dtype="float32", speculate=0) as llm, torch.inference_mode():
        for name, (prompts, params) in settings.items():
            assert params.alpha is not None and params.seed is not None
            outputs = llm.generate(prompts, params, use_tqdm=False)
            written = [output.outputs[0].token_ids for output in outputs]
            pairs = zip(prompts, written, strict=True)
            texts = [_read(models, prompt, tokens, params.alpha) for prompt, tokens in pairs]
            found[name] = judge(texts, params.temperature, params.seed)
    return found


def _read(models: Sequence[Any], prompt: list[int], tokens: list[int], alpha: float) -> Text:
    ids, begin = torch.tensor([[*prompt, *tokens]]), len(prompt) - 1
    base, expert, anti = (model(ids).logits[0, begin:-1].float() for model in models)
    found = base + alpha * (expert - anti) - expert
    return Text(tokens, ids[0, begin - 1 : -1].tolist(), expert, found)
