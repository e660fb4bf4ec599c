"""What ended a continuation, or kept an engine from loading, in words and as a kind of error."""

from __future__ import annotations

import torch

from proxyfuse.errors import EngineError, MemoryBudgetError, ProxyFuseError

NO_MEMORY = (MemoryError, torch.OutOfMemoryError)


def kind_of(failure: BaseException) -> str:
    """The `kind` of the error that it is; somebody else's is one of memory, or of the engine."""
    if isinstance(failure, ProxyFuseError):
        return failure.kind
    return MemoryBudgetError.kind if isinstance(failure, NO_MEMORY) else EngineError.kind


def named(failure: BaseException) -> str:
    """Its class and what it says."""
    return f"{type(failure).__name__}: {failure}"


def told(failure: BaseException) -> tuple[str, str]:
    """For other languages: its kind and its words, with its class where that is not ours."""
    ours = isinstance(failure, ProxyFuseError)
    return kind_of(failure), str(failure) if ours else named(failure)
