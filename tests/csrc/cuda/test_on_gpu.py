"""The sampler in CUDA C++ on the GPU that is there: the draws of the plain version."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from bench.kernels.cuda_sampler import CudaSampler, build
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows, reference
from tests.proxyfuse_kernels.proxy_sample.batches import (
    EVERYTHING,
    assert_same,
    mixed_logits,
    mixed_rows,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc"),
]
TYPES = [torch.bfloat16, torch.float16, torch.float32]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("cuda"))


def moved(rows: SampleRows) -> SampleRows:
    columns = {f.name: getattr(rows, f.name) for f in fields(rows)}
    return replace(rows, **{k: x.cuda() for k, x in columns.items() if x is not None})


def host(draws: SampleDraws) -> SampleDraws:
    columns = {f.name: getattr(draws, f.name) for f in fields(draws)}
    return SampleDraws(**{k: None if x is None else x.cpu() for k, x in columns.items()})


@pytest.mark.parametrize("vocab", [1, 5, 111, 2048, 32001, 151936])
@pytest.mark.parametrize("dtype", TYPES)
def test_draws_are_those_of_the_plain_version(
    library: Path, vocab: int, dtype: torch.dtype
) -> None:
    dice = torch.Generator().manual_seed(vocab)
    logits = mixed_logits(9, 6, vocab, [dtype] * 3, dice)
    rows = mixed_rows(9, vocab, dice)
    draws = SampleDraws.empty(9, min(7, vocab), True, True, "cuda")
    sampler = CudaSampler(library, vocab, 9, 7)
    sampler.launch([x.cuda() for x in logits], moved(rows), draws)
    assert_same(host(draws), reference.proxy_sample(logits, rows, vocab=vocab, **EVERYTHING))


def test_a_captured_launch_reads_its_columns_anew(library: Path) -> None:
    dice = torch.Generator().manual_seed(1)
    vocab, types = 32000, [torch.bfloat16] * 3
    logits = [x.cuda() for x in mixed_logits(4, 4, vocab, types, dice)]
    rows = SampleRows.plain(4, "cuda", top_p=torch.full((4,), 0.9, device="cuda"))
    draws = SampleDraws.empty(4, 0, False, False, "cuda")
    sampler = CudaSampler(library, vocab, 4)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        sampler.launch(logits, rows, draws)
    for position in range(3):
        rows.position.fill_(position)
        graph.replay()
        expected = reference.proxy_sample(logits, rows, vocab=vocab).tokens
        assert torch.equal(draws.tokens, expected)
