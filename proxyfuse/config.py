"""Engine options: plain, frozen, validated at birth; no torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxyfuse.errors import ConfigError

DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How the engine runs its models; what it runs is named when it is loaded.

    Raises `ConfigError` for a value out of range.
    """

    alpha: float = 1.0  # the weight of (expert - antiexpert) where a request names none
    device: str = "auto"  # "auto", "cpu", "cuda" or "cuda:N"
    dtype: str = "auto"  # one of DTYPES; "auto" is what the base's config says
    max_model_len: int | None = None  # tokens; None: the shortest context of the trio
    max_num_seqs: int = 64  # sequences running at once
    max_num_batched_tokens: int = 2048  # rows of one role's forward in one step
    page_size: int = 16  # slots of a page for the role whose token costs most bytes
    kv_cache_bytes: int | None = None  # None: a share of the memory that the weights leave free
    gpu_memory_utilization: float = 0.9
    enable_prefix_caching: bool = True
    speculate: str | int = "auto"  # tokens drafted ahead; 0 is off
    seed: int = 0  # what requests without a seed of their own draw theirs from
    num_threads: int | None = None  # CPU threads; None: every core this process may use

    def __post_init__(self) -> None:
        _want(math.isfinite(self.alpha), "alpha", self.alpha, "a finite number")
        _want(self.dtype in DTYPES, "dtype", self.dtype, f"one of {', '.join(DTYPES)}")
        for name in ("max_num_seqs", "max_num_batched_tokens", "page_size"):
            value = getattr(self, name)
            _want(_whole(value, least=1), name, value, "a whole number, at least 1")
        for name in ("max_model_len", "kv_cache_bytes", "num_threads"):
            value = getattr(self, name)
            _want(value is None or _whole(value, least=1), name, value, "None or at least 1")
        share = self.gpu_memory_utilization
        _want(0 < share <= 1, "gpu_memory_utilization", share, "more than 0, at most 1")
        drafts = self.speculate
        _want(drafts == "auto" or _whole(drafts), "speculate", drafts, '"auto" or 0 and up')
        _want(_whole(self.seed), "seed", self.seed, "a whole number, at least 0")


def _whole(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _want(good: bool, name: str, got: object, wanted: str) -> None:
    if not good:
        raise ConfigError(f"{name}: got {got!r}, want {wanted}")
