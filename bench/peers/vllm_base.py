"""vLLM with the base alone: what a served, unsteered base costs. For GPUs; not run by us yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import vllm

from bench.peers.peer import Setup, Text, Write
from proxyfuse.trio import Trio


@contextmanager
def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """Its offline engine without prefix cache, so that every run reads its prompts."""
    llm = vllm.LLM(
        str(folders.base),
        dtype=setup.dtype,
        load_format=setup.load_format,  # it has a "dummy" of its own
        skip_tokenizer_init=True,
        enable_prefix_caching=False,
        max_num_seqs=setup.sequences,
        max_model_len=setup.tokens,
        gpu_memory_utilization=0.4,  # this engine is open beside it
    )

    def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
        engine = llm.llm_engine
        for number, (prompt, n) in enumerate(zip(prompts, lengths, strict=True)):
            params = vllm.SamplingParams(
                temperature=0, max_tokens=n, ignore_eos=True, detokenize=False
            )
            engine.add_request(str(number), {"prompt_token_ids": list(prompt)}, params)
        texts = [Text([], []) for _ in prompts]
        while engine.has_unfinished_requests():
            for output in engine.step():
                texts[int(output.request_id)].extend(output.outputs[0].token_ids, perf_counter())
        return texts

    yield write
