"""A capture as the engine makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from proxyfuse.captures import unwind


@contextmanager
def captured(mode: str = "thread_local") -> Iterator[torch.cuda.CUDAGraph]:
    """What is launched within becomes the graph. Raises what went wrong first."""
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    first: list[BaseException] = []
    try:
        with torch.cuda.graph(graph, pool=pool, capture_error_mode=mode):
            try:
                yield graph
            except BaseException as failure:
                first.append(failure)
                raise
    except BaseException as failure:
        unwind(graph, pool, torch.cuda.current_device())
        raise (first or [failure])[0] from None
