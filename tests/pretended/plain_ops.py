"""The engine's operations on a pretended GPU: launched as ever, computed by their plain versions.

So much faster than the interpreter that whole texts can be written: what is then in question is
the engine, and not its kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from proxyfuse_kernels.gpu.ops import TritonOps
from proxyfuse_kernels.proxy_sample.launch import TritonSampler
from proxyfuse_kernels.proxy_sample.reference import proxy_sample
from proxyfuse_kernels.proxy_sample.rows import SampleDraws
from proxyfuse_kernels.reference import ReferenceOps
from tests.pretended.aliases import alias, on_devices, replaced
from tests.pretended.driver import do
from tests.pretended.torch_ops import computes, launches_only

PLAIN = ReferenceOps()
KERNELS = (  # the others of `TritonOps` are torch's
    *("embed", "rms_norm", "select", "place", "recall", "remember"),
    *("rope_append", "paged_attention", "silu_mul"),
)


def _host(x: Any) -> Any:
    return alias(x) if isinstance(x, Tensor) and x.is_cuda else x


@torch.inference_mode()
def _on_host(x: Any) -> Any:
    return replaced(x, _host)


def instead(launch: Callable[..., None], plain: Callable[..., None]) -> Callable[..., None]:
    """A function that launches as the one, and computes as the other."""

    def call(*args: Any, **kwargs: Any) -> None:
        outermost = computes()
        with launches_only():
            launch(*args, **kwargs)
        if not outermost:
            return  # a product that calls itself for each of its groups
        host_args, host_kwargs = _on_host(args), _on_host(kwargs)
        do(lambda: plain(*host_args, **host_kwargs), on_devices((args, kwargs))[0].device)

    return call


def _linear(self: TritonOps, *args: Any, **kwargs: Any) -> None:
    def launch(*args: Any, **kwargs: Any) -> None:
        _launched_linear(self, *args, **kwargs)

    instead(launch, PLAIN.linear)(*args, **kwargs)


_launched_linear = TritonOps.linear
_launched_sample = TritonSampler.__call__


def _sample(self: TritonSampler, logits: Any, rows: Any, **how: Any) -> SampleDraws:
    with launches_only():
        out = _launched_sample(self, logits, rows, **how)
    host, vocab = _on_host((list(logits), rows, out)), self.vocab
    if len(logits[0]) > 0:
        do(lambda: _draw(vocab, *host), logits[0].device)
    return out


def _draw(vocab: int, logits: list[Tensor], rows: Any, out: SampleDraws) -> None:
    top = 0 if out.top_ids is None else out.top_ids.shape[1]
    asked = {"ranks": out.ranks is not None, "roles": out.role_logprobs is not None}
    draws = proxy_sample(logits, rows, vocab=vocab, top=top, **asked)
    for field in fields(out):
        target, source = getattr(out, field.name), getattr(draws, field.name)
        if target is not None and source is not None:
            target[: len(source)].copy_(source)


def install() -> None:
    """For all engines, for good."""
    for name in KERNELS:
        call = instead(getattr(TritonOps, name), getattr(PLAIN, name))
        setattr(TritonOps, name, staticmethod(call))
    TritonOps.linear = _linear  # type: ignore[method-assign]
    TritonSampler.__call__ = _sample  # type: ignore[method-assign]
