"""What a GPU holds beside weights and pages, reckoned before anything is allocated."""

from __future__ import annotations

import torch

from proxyfuse.config import EngineConfig
from proxyfuse.models.config import ModelConfig
from proxyfuse.models.decoder import allocate_work
from proxyfuse.runner.pair import MOST
from proxyfuse.trio import PROXIES, Role
from proxyfuse_kernels.hindsight import SLOTS
from proxyfuse_kernels.linear_fp8.library import STRIPE

ATTENTION = 264, 256, 1 << 28  # programs that share splits, keys of a split, bytes at the most
POOLS = 2  # what operations allocate lies in the graphs' pool and in torch's own
AN_ID = 8  # bytes of the sampler's scratch, of an id and row
WORKSPACE = 32 << 20  # bytes that the library takes for each stream: torch's default on Hopper
GRAPHS = 512 << 20  # bytes that a driver keeps for captured steps: assumed, not measured


def buffer_bytes(
    config: EngineConfig,
    role: Role,
    model: ModelConfig,
    dtype: torch.dtype,
    samples: int,
    longest: int,
) -> int:
    """Bytes that a role adds on its GPU; the base's are with those of sampler and graphs."""
    rows = config.max_num_batched_tokens
    work = work_bytes(model, rows, samples, dtype)
    rotation = longest * model.head_dim * 4
    narrow = model.scaling or (role is Role.BASE and config.base_quantization is not None)
    widened = _widened(model, rows, dtype) if narrow else 0
    total = work + rotation + WORKSPACE + POOLS * (_attention(model, longest) + widened)
    if role is Role.BASE or (role is Role.EXPERT and config.proxy_device is not None):
        total += GRAPHS * (not config.enforce_eager)
    if role is Role.BASE:
        total += samples * model.vocab_size * AN_ID
        total += (SLOTS + 1) * model.vocab_size * 4  # hindsight, and logits that it mends
    if role is Role.EXPERT and config.proxies != "streams":
        both = len(PROXIES) * MOST
        total += work_bytes(model, both, both, dtype)
    return total


def work_bytes(model: ModelConfig, rows: int, samples: int, dtype: torch.dtype) -> int:
    """Of the buffers of a forward, logits included, by making them without memory."""
    work = allocate_work(model, rows, samples, dtype, "meta")
    return sum(getattr(work, name).nbytes for name in work.__dataclass_fields__)


def _attention(model: ModelConfig, longest: int) -> int:
    """The results of splits, where few rows leave each its own."""
    programs, keys, most = ATTENTION
    group, splits = model.num_heads // model.num_kv_heads, -(-longest // keys)
    return min(programs * group * splits * (model.head_dim + 2) * 4, most)


def _widened(model: ModelConfig, rows: int, dtype: torch.dtype) -> int:
    """A stripe of 8-bit weights as the library multiplies it, and its product in float32."""
    outputs = min(max(2 * model.intermediate_size, model.qkv_size), STRIPE // model.hidden_size)
    return STRIPE * dtype.itemsize + rows * outputs * 4
