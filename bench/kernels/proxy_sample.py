"""`proxy_sample`: three rows of logits into a token."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from bench.kernels.cuda_sampler import FILTERS, CudaSampler, build
from bench.kernels.timing import Scope, run
from proxyfuse.measure.ops import proxy_sample
from proxyfuse.measure.ops.case import Buffers, Case, Implementation, Place
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows

TOP_P = (1.0, 0.95)


def cases(place: Place, scope: Scope) -> Iterator[Case]:
    """Each vocabulary, with all tokens kept and with a nucleus."""
    for vocab in scope.vocabularies:
        for top_p in TOP_P:
            for rows in scope.rows:
                yield proxy_sample.case(place, rows, vocab, top_p)


def cases_with_cuda(place: Place, scope: Scope) -> Iterator[Case]:
    """The same with the sampler in CUDA C++, which may not harm the other operations' process."""
    with tempfile.TemporaryDirectory() as folder:
        library = built(Path(folder)) if place.device.type == "cuda" else None
        for case in cases(place, scope):
            yield case if library is None else with_cuda(case, library)


def built(folder: Path) -> Path | None:
    """The sampler in CUDA C++, or None where nvcc is not there or does not do it."""
    if shutil.which("nvcc") is None:
        return None
    try:
        return build(folder)
    except subprocess.CalledProcessError as error:
        print(f"without the sampler in CUDA C++: {error}", file=sys.stderr)
        return None


def with_cuda(case: Case, library: Path) -> Case:
    """The case with one version more, called as in a service: what it reads and writes is there."""
    vocab, top_p = int(case.sizes["vocab"]), float(case.sizes["top_p"])

    def prepare(buffers: Buffers) -> Callable[[], Tensor]:
        logits = [buffers[name] for name in proxy_sample.ROLES]
        count, device = len(logits[0]), logits[0].device
        share = torch.full((count,), top_p, device=device)
        seed = torch.arange(count, dtype=torch.int64, device=device)
        rows = SampleRows.plain(count, str(device), seed=seed, top_p=share)
        draws = SampleDraws.empty(count, 0, False, False, device)
        sampler = CudaSampler(library, vocab, count)
        without = FILTERS if top_p == 1 else frozenset[str]()

        def draw() -> Tensor:
            sampler.launch(logits, rows, draws, without)
            return draws.tokens

        return draw

    versions: dict[str, Implementation] = case.implementations | {"cuda": prepare}
    return replace(case, implementations=versions)


if __name__ == "__main__":
    run({"proxy_sample": cases_with_cuda}, "bench.kernels.proxy_sample")
