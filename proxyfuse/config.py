"""Engine options: plain, frozen, validated at birth; no torch here."""

from __future__ import annotations

from dataclasses import dataclass

from proxyfuse.errors import ConfigError
from proxyfuse.ranges import is_real, is_whole

DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZATIONS = ("fp8",)
PROXY_FORMS = ("streams", "grouped", "auto")  # side by side; as one model; as measured faster
MOST = {  # what buffers are made for, at the most
    "max_num_seqs": 2**16,
    "max_num_batched_tokens": 2**20,
    "page_size": 2**16,
    "max_model_len": 2**31 - 1,
    "kv_cache_bytes": 2**63 - 1,
    "num_threads": 1024,
}
MOST_DRAFTS = 64
UNSET = ("max_model_len", "kv_cache_bytes", "num_threads")  # None lets the engine choose


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How the engine runs its models; what it runs is named when it is loaded.

    Raises `ConfigError` for a value out of range.
    """

    alpha: float = 1.0  # the weight of (expert - antiexpert) where a request names none
    device: str = "auto"  # "auto", "cpu", "cuda" or "cuda:N"
    proxy_device: str | None = None  # "cuda:N": expert and antiexpert on another GPU than the base
    proxies: str = "streams"  # one of PROXY_FORMS; but "streams" wants one architecture, and a GPU
    dtype: str = "auto"  # one of DTYPES; "auto" is what the base's config says
    base_quantization: str | None = None  # "fp8": products in 8 bits; None: in dtype, or as stored
    max_model_len: int | None = None  # tokens, at least 2; None: the shortest context of the trio
    max_num_seqs: int = 64  # sequences running at once
    max_num_batched_tokens: int = 2048  # rows of one role's forward in one step
    page_size: int = 16  # slots of a page for the role whose token costs most bytes
    kv_cache_bytes: int | None = None  # None: a share of the memory that the weights leave free
    gpu_memory_utilization: float = 0.9
    enable_prefix_caching: bool = True
    speculate: str | int = "auto"  # tokens drafted ahead, at most 64; 0 is off
    seed: int = 0  # what requests without a seed of their own draw theirs from
    enforce_eager: bool = False  # on a GPU: give it every operation one by one, capture no graphs
    batch_invariant: bool = False  # on a GPU: products of any number of rows take one path
    num_threads: int | None = None  # CPU threads; None: every core this process may use

    def __post_init__(self) -> None:
        _want(is_real(self.alpha), "alpha", self.alpha, "a finite number that float32 holds")
        _want(isinstance(self.device, str), "device", self.device, "a string")
        apart = self.proxy_device
        _want(apart is None or isinstance(apart, str), "proxy_device", apart, "a string or None")
        _want(self.dtype in DTYPES, "dtype", self.dtype, f"one of {', '.join(DTYPES)}")
        wanted = f"one of {', '.join(PROXY_FORMS)}"
        _want(self.proxies in PROXY_FORMS, "proxies", self.proxies, wanted)
        kept = self.base_quantization
        good = kept is None or kept in QUANTIZATIONS
        wanted = f"{' or '.join(QUANTIZATIONS)}, or None"
        _want(good, "base_quantization", kept, wanted)
        for name, most in MOST.items():
            value = getattr(self, name)
            unset = value is None and name in UNSET
            least = 2 if name == "max_model_len" else 1  # a token to read and one to write
            wanted = f"a whole number from {least} to {most}" + (", or None" * (name in UNSET))
            _want(unset or is_whole(value, least, most), name, value, wanted)
        share = self.gpu_memory_utilization
        good = is_real(share) and 0 < share <= 1
        _want(good, "gpu_memory_utilization", share, "more than 0, at most 1")
        caching = self.enable_prefix_caching
        _want(isinstance(caching, bool), "enable_prefix_caching", caching, "True or False")
        for name in ("enforce_eager", "batch_invariant"):
            flag = getattr(self, name)
            _want(isinstance(flag, bool), name, flag, "True or False")
        drafts = self.speculate
        good = drafts == "auto" or is_whole(drafts, 0, MOST_DRAFTS)
        _want(good, "speculate", drafts, f'"auto" or a whole number from 0 to {MOST_DRAFTS}')
        _want(is_whole(self.seed), "seed", self.seed, "a whole number, at least 0")


def _want(good: bool, name: str, got: object, wanted: str) -> None:
    if not good:
        raise ConfigError(f"{name}: got {got!r:.80}, want {wanted}")
