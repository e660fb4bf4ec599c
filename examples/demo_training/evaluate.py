"""Held-out figures of the shipped folders: losses, exact answers, agreement with the expert."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from proxyfuse.demo.arithmetic import is_correct, problems
from proxyfuse.demo.held_out import Kind, held_out_documents

from .judge import ROLES, Weights, all_logits, alone, combine, continue_texts, fused, load

ALPHAS = (0.3, 0.5, 0.7, 1.0)
DRAFTS = (2, 3, 4, 8)
CANDIDATES: dict[str, Weights] = {name: alone(name) for name in ROLES} | {
    f"fused {alpha}": fused(alpha) for alpha in ALPHAS
}
_WINDOW = 255  # tokens after the begin token: what the models were trained on
Models = Mapping[str, LlamaForCausalLM]


def windows(tokenizer: Tokenizer, kind: Kind) -> tuple[Tensor, int]:
    """Held-out text cut into full windows behind a begin token, and the bytes in them."""  # [S, T]
    rows, size = [], 0
    for document in held_out_documents(kind):
        ids = tokenizer.encode(document.text, add_special_tokens=False).ids
        for start in range(0, len(ids) - _WINDOW + 1, _WINDOW):
            rows.append([0, *ids[start : start + _WINDOW]])
            size += len(tokenizer.decode(rows[-1]).encode())
    return torch.tensor(rows), size


def losses(models: Models, tokens: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Nats per token of every candidate; teacher-forced agreement of fused with the expert."""
    nats = dict.fromkeys(CANDIDATES, 0.0)
    agree = {f"fused {alpha}": 0.0 for alpha in ALPHAS}
    for rows in tokens.split(16):
        logits = all_logits(models, rows[:, :-1])
        drafts = logits["expert"].argmax(-1)
        for name, weights in CANDIDATES.items():
            scores = combine(logits, weights)
            total = cross_entropy(scores.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")
            nats[name] += float(total)
            if name in agree:
                agree[name] += float((scores.argmax(-1) == drafts).sum())
    count = tokens[:, 1:].numel()
    return ({n: round(x / count, 4) for n, x in nats.items()},
            {n: round(x / count, 4) for n, x in agree.items()})  # fmt: skip


def sums(models: Models, tokenizer: Tokenizer, count: int = 300) -> dict[str, dict[str, float]]:
    """Exact answers to held-out problems, and agreement up to the end of the answer."""
    asked = list(itertools.islice(problems(5, held_out=True), count))
    result = {}
    for name, weights in CANDIDATES.items():
        right, same, written = 0, 0, 0
        for digits in (2, 3):
            group = [p for p in asked if len(str(p.a)) == digits]
            prompts = torch.tensor([tokenizer.encode(p.prompt).ids for p in group])
            tokens, (agreed,) = continue_texts(models, weights, prompts, 76)
            inside = (tokens == 1).cumsum(1) == 0
            texts = [tokenizer.decode(t[i].tolist()) for t, i in zip(tokens, inside, strict=True)]
            right += sum(is_correct(p, text) for p, text in zip(group, texts, strict=True))
            same, written = same + int((agreed & inside).sum()), written + int(inside.sum())
        result[name] = {"exact": round(right / count, 4), "agreement": round(same / written, 4)}
    return result


def code_continuations(
    models: Models, tokens: Tensor, length: int = 96
) -> dict[str, dict[str, dict[str, float]]]:
    """Free-running code: agreement with the expert, tokens per base pass with K drafts."""
    prompts = tokens[:: max(1, len(tokens) // 64), :64]
    result: dict[str, dict[str, dict[str, float]]] = {}
    for temperature, draws in ((0.0, 1), (0.8, 20)):
        rows = result[f"temperature {temperature}"] = {}
        for alpha in ALPHAS:
            _, agreed = continue_texts(models, fused(alpha), prompts, length,
                                       temperature=temperature, draws=draws)  # fmt: skip
            passes = {f"tokens_per_pass_{k}": round(per_pass(agreed[0], k), 3) for k in DRAFTS}
            share = round(float(agreed.float().mean()), 4)
            rows[f"fused {alpha}"] = {"agreement": share, **passes}
    return result


def per_pass(agreed: Tensor, drafts: int) -> float:
    """Tokens that one base pass settles when the expert drafts ahead, replayed."""
    passes = 0
    for row in agreed.tolist():
        at = 0
        while at < len(row):
            ahead = itertools.takewhile(bool, row[at : at + drafts])
            at, passes = at + len(list(ahead)) + 1, passes + 1
    return agreed.numel() / passes


def evaluate(folder: Path) -> dict[str, object]:
    """Every figure of the page in docs/findings, from the folders as shipped."""
    models = load(folder)
    tokenizer = Tokenizer.from_file(str(folder / "base" / "tokenizer.json"))
    figures: dict[str, object] = {}
    for kind in ("prose", "code"):
        tokens, size = windows(tokenizer, kind)
        nats, agree = losses(models, tokens)
        figures[kind] = {"tokens": tokens[:, 1:].numel(), "bytes": size, "nats_per_token": nats,
                         "teacher_forced_agreement": agree}  # fmt: skip
        if kind == "code":
            figures["code_continuations"] = code_continuations(models, tokens)
    return figures | {"arithmetic": sums(models, tokenizer)}
