"""This engine: steered, steered without drafting ahead, and the base alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.peers.peer import Setup, Text, Write
from proxyfuse import LLM, Metrics, SamplingParams
from proxyfuse.cache import Geometry
from proxyfuse.engine.load import kv_shape
from proxyfuse.models.config import read_config
from proxyfuse.trio import Trio

PAGE_SIZE = 16
AHEAD = 32  # tokens of room beyond the longest sequence, for drafts


def open_llm(
    folders: Trio[Path],
    setup: Setup,
    speculate: int | str = "auto",
    proxies: str = "streams",
    batch_invariant: bool = False,
) -> LLM:
    """The engine with an arena that just holds every sequence; prompts are read afresh each time.

    A prefix cache would make every run after the first one cheaper than the rivals' runs.
    """
    dtype, base_quantization = kept(setup.dtype)
    return LLM(
        *folders.values(),
        device=setup.device,
        dtype=dtype,
        base_quantization=base_quantization,
        load_format=setup.load_format,
        skip_tokenizer_init=True,
        enable_prefix_caching=False,
        max_num_seqs=setup.sequences,
        page_size=PAGE_SIZE,
        kv_cache_bytes=arena_bytes(folders, setup),
        speculate=speculate,
        proxies=proxies,
        batch_invariant=batch_invariant,
    )


def kept(dtype: str) -> tuple[str, str | None]:
    """The engine's type and the base's quantisation, by a peer's type."""
    return ("bfloat16", "fp8") if dtype == "fp8" else (dtype, None)


def arena_bytes(folders: Trio[Path], setup: Setup) -> int:
    """Bytes of pages with which `setup.sequences` grow to `setup.tokens` and nobody is evicted."""
    dtype: torch.dtype = getattr(torch, kept(setup.dtype)[0])
    geometry = Geometry(folders.map(lambda at: kv_shape(read_config(at), dtype)), PAGE_SIZE)
    pages = sum(geometry.pages_for(role, setup.tokens + AHEAD) for role in folders)
    return setup.sequences * pages * geometry.page_bytes


def params(lengths: Sequence[int]) -> list[SamplingParams]:
    """Greedy, to the given length."""
    return [SamplingParams(temperature=0, max_tokens=n, ignore_eos=True) for n in lengths]


@contextmanager
def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """The engine as it comes."""
    with open_llm(folders, setup) as llm:
        yield Counted(llm)


@contextmanager
def unspeculated(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """The engine when it drafts nothing ahead."""
    with open_llm(folders, setup, speculate=0) as llm:
        yield Counted(llm)


@contextmanager
def grouped(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """The engine when it drafts nothing ahead, and runs both proxies as one."""
    with open_llm(folders, setup, speculate=0, proxies="grouped") as llm:
        yield Counted(llm)


@contextmanager
def invariant(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """The engine when it drafts nothing ahead, and no number of rows changes a bit."""
    with open_llm(folders, setup, speculate=0, batch_invariant=True) as llm:
        yield Counted(llm)


class Counted:
    """A `Write` that tells what the engine counts meanwhile."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm

    def __call__(self, prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
        """Greedy continuations, each of its length."""
        asked = [list(prompt) for prompt in prompts]
        outputs = self._llm.generate(asked, params(lengths), use_tqdm=False)
        written = [output.outputs[0] for output in outputs]
        return [Text(one.token_ids, one.token_times) for one in written]

    @property
    def metrics(self) -> Metrics:
        """Since it was opened."""
        return self._llm.metrics
