"""llama.cpp through llama-cpp-python: a context for each model, fused in numpy.

What a llama.cpp user would write: its contexts keep three KV caches, its threads compute, and only
rows of logits that are sampled come out. Prompts of a batch are read in one call, then a token of
every sequence in each. Both of llama.cpp's caches stay in float16, its default.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import llama_cpp as llama
import numpy as np

from bench.peers import gguf_file
from bench.peers.amx import has_amx
from bench.peers.batches import in_batches
from bench.peers.peer import Setup, Text, Write
from proxyfuse.models.config import read_config
from proxyfuse.trio import Role, Trio

Rows = list[tuple[int, int, int]]  # sequence, position, token


class Context:
    """One model with a KV cache of its own."""

    def __init__(self, file: Path, setup: Setup, vocab: int) -> None:
        self.vocab = vocab
        loading = llama.llama_model_default_params()
        loading.use_extra_bufts = not has_amx()
        self._model = llama.llama_model_load_from_file(str(file).encode(), loading)
        asked = llama.llama_context_default_params()
        asked.n_ctx = setup.sequences * setup.tokens
        asked.n_batch = asked.n_ctx  # a whole batch of prompts in one call
        asked.n_seq_max = setup.sequences
        asked.n_threads = asked.n_threads_batch = len(os.sched_getaffinity(0))
        asked.kv_unified = True
        self._context = llama.llama_init_from_model(self._model, asked)
        if not self._model or not self._context:
            raise RuntimeError(f"llama.cpp: could not open {file}")
        self._batch = llama.llama_batch_init(asked.n_batch, 0, 1)

    def forget(self) -> None:
        """Empty the cache."""
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)

    def read(self, rows: Rows, wanted: Sequence[int]) -> np.ndarray:  # [wanted, V] float32
        """Logits after the wanted rows, which a later call overwrites."""
        batch = self._batch
        batch.n_tokens = len(rows)
        for at, (sequence, position, token) in enumerate(rows):
            batch.token[at], batch.pos[at] = token, position
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
            batch.logits[at] = 0
        for at in wanted:
            batch.logits[at] = 1
        status = llama.llama_decode(self._context, batch)
        if status != 0:
            raise RuntimeError(f"llama.cpp: llama_decode returned {status}")
        logits = llama.llama_get_logits(self._context)
        found: np.ndarray = np.ctypeslib.as_array(logits, shape=(len(wanted), self.vocab))
        return found

    def close(self) -> None:
        """Give everything back."""
        llama.llama_batch_free(self._batch)
        llama.llama_free(self._context)
        llama.llama_model_free(self._model)


@contextmanager
def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """Contexts over files in `setup.scratch`, written there where they are not yet."""
    llama.llama_log_set(_silence, None)
    with ExitStack() as stack:
        contexts = {}
        for role, folder in folders.items():
            vocab = read_config(folder).vocab_size
            contexts[role] = Context(_file(folder, setup), setup, vocab)
            stack.callback(contexts[role].close)
        yield in_batches(lambda *asked: generate(Trio(contexts), *asked), setup.sequences)


def generate(
    contexts: Trio[Context], prompts: Sequence[Sequence[int]], lengths: Sequence[int]
) -> list[Text]:
    """Greedy continuations of the given lengths; a sequence leaves the batch when it is done."""
    for context in contexts.values():
        context.forget()
    written = [Text([], []) for _ in prompts]
    rows = [(s, at, token) for s, prompt in enumerate(prompts) for at, token in enumerate(prompt)]
    wanted = (np.cumsum([len(prompt) for prompt in prompts]) - 1).tolist()
    while rows:
        logits = {role: context.read(rows, wanted) for role, context in contexts.items()}
        tokens = _fuse(logits).argmax(-1).tolist()
        now = perf_counter()
        for at, token in zip(wanted, tokens, strict=True):
            text = written[rows[at][0]]
            text.ids.append(token)
            text.times.append(now)
        rows = [
            (s, len(prompts[s]) + len(text.ids) - 1, text.ids[-1])
            for s, text in enumerate(written)
            if len(text.ids) < lengths[s]
        ]
        wanted = list(range(len(rows)))
    return written


def _fuse(logits: dict[Role, np.ndarray]) -> np.ndarray:  # [rows, V]
    if len(logits) == 1:
        return logits[Role.BASE]
    vocab = min(rows.shape[-1] for rows in logits.values())
    base, expert, antiexpert = (logits[role][:, :vocab] for role in Role)
    fused: np.ndarray = base + (expert - antiexpert)
    return fused


def _file(folder: Path, setup: Setup) -> Path:
    """The folder's weights as a GGUF file of the setup's type."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    file = setup.scratch / f"{name}-{setup.dtype}.gguf"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        gguf_file.write(folder, gguf_file.KINDS[setup.dtype], file)
    return file


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _silence(level: int, text: bytes, data: object) -> None:
    """llama.cpp tells its whole life while it loads."""
