"""What the demo asks of its models: sums, code to continue and windows to score, all held out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from proxyfuse.demo import model_folder
from proxyfuse.demo.arithmetic import Problem, problems
from proxyfuse.demo.held_out import Document, Kind, held_out_documents
from proxyfuse.text.tokenizer import Tokenizer

KINDS: tuple[Kind, ...] = ("code", "prose")
WINDOW = 255  # tokens behind a begin token: what the models were trained on
SUMS_SEED = 5
BEGIN = 0  # the id of the begin token of all four models

# Where a held-out module is cut off: the models continue from behind these words.
CUTS = (
    ("ipaddress", "    @property\n    def is_multicast(self):"),
    ("argparse", "class HelpFormatter(object):\n\n    def __init__(self"),
)
CONTEXT = 12  # lines that a model reads before the cut


@dataclass(frozen=True)
class Material:
    """All that a way of writing is asked; `windows` are token ids, each `WINDOW` long."""

    sums: list[Problem]
    code: list[str]
    windows: dict[Kind, list[list[int]]]


def gather(sums: int, windows: int) -> Material:
    """`sums` problems, and at most `windows` windows of each kind from each held-out module."""
    tokenizer = Tokenizer(model_folder("base"))
    asked = list(itertools.islice(problems(SUMS_SEED, held_out=True), sums))
    documents = {kind: list(held_out_documents(kind)) for kind in KINDS}
    cut = {kind: list(_windows(tokenizer, texts, windows)) for kind, texts in documents.items()}
    return Material(asked, list(code_prompts(documents["code"])), cut)


def code_prompts(documents: Iterable[Document]) -> Iterator[str]:
    """Beginnings of held-out code; a module that this Python words otherwise is left out."""
    texts = {document.module: document.text for document in documents}
    for module, last in CUTS:
        before, found, _ = texts.get(module, "").partition(last)
        if found:
            yield "\n".join((before + found).split("\n")[-CONTEXT:])


def _windows(tokenizer: Tokenizer, documents: Iterable[Document], most: int) -> Iterator[list[int]]:
    """Full windows, spread evenly over each document."""
    for document in documents:
        ids = tokenizer.encode(document.text, special=False)
        whole = len(ids) // WINDOW
        for at in range(min(most, whole)):
            start = WINDOW * (at * whole // min(most, whole))
            yield ids[start : start + WINDOW]
