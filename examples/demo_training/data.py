"""Token streams and the seeded batches drawn from them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from proxyfuse.demo.arithmetic import Problem, problems

from .corpus import documents
from .tokenizer import BOS, EOS, train_tokenizer

CONTEXT = 256
Streams = Mapping[str, np.ndarray]
# Shares of windows. The base knows sums only as bare results, so that the worked form is news.
GENERAL = {"prose": 0.68, "code": 0.22, "sums": 0.10}
DOMAIN = {"prose": 0.08, "code": 0.57, "worked": 0.35}
# What the base is asked about when it teaches the antiexpert; steering is for code.
DISTILLED = {"prose": 0.40, "code": 0.50, "sums": 0.10}
# Of the second, longer stages of both proxies: sums are known by then.
MORE_CODE = {"code": 0.72, "worked": 0.18, "prose": 0.10}
DISTILLED_CODE = {"prose": 0.35, "code": 0.55, "sums": 0.10}
# Of the antiexpert's stages beside the expert: where that steers.
STEERED = {"prose": 0.20, "code": 0.60, "sums": 0.10, "worked": 0.10}
_SAMPLE = 5_000_000  # characters of each kind that the tokenizer is trained on
_SUMS = 60_000
_LOOSE = (
    "{a} plus {b} is {c}.\n",
    "The sum of {a} and {b} is {c}.\n",
    "{a} + {b} = {c}\n",
    "Q: {a} + {b} = ?\nA: {c}\n",
)


def prepare(folder: Path) -> tuple[Tokenizer, Streams]:
    """The tokenizer and token streams under `folder`, made on the first call."""
    names = ("prose", "code", "sums", "worked")
    if not (folder / "worked.npy").exists():
        _make(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizer, {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    prose, code = documents()
    worked = [p.prompt + p.worked for p in itertools.islice(problems(1, held_out=False), _SUMS)]
    rng = random.Random(2)
    sums = [_loose(p, rng) for p in itertools.islice(problems(2, held_out=False), 2 * _SUMS)]
    tokenizer = train_tokenizer([*_up_to(prose), *_up_to(code), *worked[:2000], *sums[:2000]])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    for name, texts in (("prose", prose), ("code", code), ("sums", sums), ("worked", worked)):
        np.save(folder / f"{name}.npy", encode(tokenizer, texts))


def _loose(problem: Problem, rng: random.Random) -> str:
    return rng.choice(_LOOSE).format(a=problem.a, b=problem.b, c=problem.answer)


def _up_to(texts: list[str]) -> list[str]:
    totals = itertools.accumulate(map(len, texts))
    return [text for text, total in zip(texts, totals, strict=True) if total <= _SAMPLE]


def encode(tokenizer: Tokenizer, texts: Iterable[str]) -> np.ndarray:
    """All texts in one stream, each between its begin and end token."""
    bos, eos = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    rows = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return np.concatenate([np.array([bos, *row.ids, eos], dtype=np.uint16) for row in rows])


def batch(
    streams: Streams, mix: Mapping[str, float], rows: int, seed: int, step: int
) -> torch.Tensor:
    """`rows` windows of CONTEXT + 1 tokens; the same for the same seed and step."""  # [rows, T+1]
    rng = np.random.default_rng((seed, step))
    names = rng.choice(list(mix), size=rows, p=list(mix.values()))
    starts = [int(rng.integers(len(streams[n]) - CONTEXT - 1)) for n in names]
    windows = [streams[n][s : s + CONTEXT + 1] for n, s in zip(names, starts, strict=True)]
    return torch.from_numpy(np.stack(windows).astype(np.int64))
