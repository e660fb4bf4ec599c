"""vLLM with the base alone: what a served, unsteered base costs. For GPUs; not run by us yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import vllm

from bench.peers.peer import Setup, Write
from proxyfuse.trio import Trio


@contextmanager
def opened(folders: Trio[Path], setup: Setup) -> Iterator[Write]:
    """Its offline engine without prefix cache, so that every run reads its prompts."""
    llm = vllm.LLM(
        str(folders.base),
        dtype=setup.dtype,
        skip_tokenizer_init=True,
        enable_prefix_caching=False,
        max_num_seqs=setup.sequences,
        max_model_len=setup.tokens,
        gpu_memory_utilization=0.4,  # this engine is open beside it
    )

    def write(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[list[int]]:
        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        params = [
            vllm.SamplingParams(temperature=0, max_tokens=n, ignore_eos=True, detokenize=False)
            for n in lengths
        ]
        outputs = llm.generate(asked, params, use_tqdm=False)
        return [list(output.outputs[0].token_ids) for output in outputs]

    yield write
