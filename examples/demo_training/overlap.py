"""How much of the held-out text the training text repeats."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from proxyfuse.demo.held_out import Kind, held_out_documents

_WORD = re.compile(r"\w+|[^\w\s]")
_LENGTH = 8


def shingles(text: str) -> Iterator[int]:
    """Hashes of every run of eight words or signs, whatever the layout."""
    words = _WORD.findall(text)
    return (hash(tuple(words[i : i + _LENGTH])) for i in range(len(words) - _LENGTH + 1))


def seen_share(held_out: str, training: Iterable[str]) -> float:
    """Share of the shingles of `held_out` that occur anywhere in `training`."""
    wanted = list(shingles(held_out))
    open_ = set(wanted)
    found: set[int] = set()
    for text in training:
        found.update(open_.intersection(shingles(text)))
    return sum(mark in found for mark in wanted) / max(1, len(wanted))


def overlap(out: Path) -> dict[str, float]:
    """Share of held-out prose and code seen in the stream of the same kind under `out`."""
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    return {kind: round(seen_share(_held_out(kind), _texts(tokenizer, out / f"{kind}.npy")), 4)
            for kind in ("prose", "code")}  # fmt: skip


def _held_out(kind: Kind) -> str:
    return "\n".join(document.text for document in held_out_documents(kind))


def _texts(tokenizer: Tokenizer, path: Path) -> Iterator[str]:
    stream = np.load(path, mmap_mode="r")
    ends = [0, *(np.flatnonzero(stream == 1) + 1).tolist()]
    for start, end in itertools.pairwise(ends):
        yield tokenizer.decode(stream[start:end].tolist())
