"""proxyfuse: exact proxy-tuned decoding, faster than the untuned base."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxyfuse.engine.llm import LLM
    from proxyfuse.engine.outputs import CompletionOutput, Logprob, Metrics, RequestOutput, Score
    from proxyfuse.engine.request import Prompt
    from proxyfuse.sampling import SamplingParams

# Looked up on first use, so that a command line or the demo's data does not wait for torch.
_HOMES = {
    "LLM": "engine.llm",
    "CompletionOutput": "engine.outputs",
    "Logprob": "engine.outputs",
    "Metrics": "engine.outputs",
    "Prompt": "engine.request",
    "RequestOutput": "engine.outputs",
    "SamplingParams": "sampling",
    "Score": "engine.outputs",
}

__all__ = [
    "LLM",
    "CompletionOutput",
    "Logprob",
    "Metrics",
    "Prompt",
    "RequestOutput",
    "SamplingParams",
    "Score",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
