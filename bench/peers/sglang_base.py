"""SGLang with the base alone: what a served, unsteered base costs. For GPUs; not run by us yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import sglang

from bench.peers.peer import Setup, Text, Write
from proxyfuse.trio import Trio


@contextmanager
def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """Its offline engine without radix cache, so that every run reads its prompts."""
    engine = sglang.Engine(
        model_path=str(folders.base),
        dtype=setup.dtype,
        load_format=setup.load_format,  # it has a "dummy" of its own
        skip_tokenizer_init=True,
        disable_radix_cache=True,
        max_running_requests=setup.sequences,
        context_length=setup.tokens,
        mem_fraction_static=0.4,  # this engine is open beside it
    )

    def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
        params = [{"temperature": 0, "max_new_tokens": n, "ignore_eos": True} for n in lengths]
        asked = [list(prompt) for prompt in prompts]
        texts = [Text([], []) for _ in prompts]
        for news in engine.generate(input_ids=asked, sampling_params=params, stream=True):
            texts[news.get("index", 0)].extend(news["output_ids"], perf_counter())
        return texts

    try:
        yield write
    finally:
        engine.shutdown()
