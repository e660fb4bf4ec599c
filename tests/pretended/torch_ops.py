"""Torch's operations on a pretended GPU: torch launches its kernels, and the host computes.

A call runs through torch's own CUDA code, whose kernels do nothing; then the same operation runs on
the CPU over the same bytes. In a capture the second half is a node of the graph.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.pretended.aliases import alias, leaves, on_devices, replaced
from tests.pretended.calls import Call
from tests.pretended.driver import do, is_capturing

_thread = threading.local()


@contextmanager
def launches_only() -> Iterator[None]:
    """Within, this thread's operations compute nothing: somebody else does."""
    before = _thread.__dict__.get("launches_only", False)
    _thread.launches_only = True
    try:
        yield
    finally:
        _thread.launches_only = before


def computes() -> bool:
    return not _thread.__dict__.get("launches_only", False)


def _tensors(x: Any) -> list[Tensor]:
    return [leaf for leaf in leaves(x) if isinstance(leaf, Tensor)]


def _computed(call: Call, out: Any) -> Any:
    """What the call returns, with the host's numbers in it now or at each replay."""
    compute, name = call.on_host(), call.name  # nothing that keeps the device's memory
    with torch.inference_mode():
        places = [alias(x) if x.is_cuda else x for x in _tensors(out)]
    found: list[Any] = []

    def work() -> None:
        result = compute()
        for place, x in zip(places, _tensors(result), strict=True):
            if place.shape != x.shape:
                raise NotImplementedError(f"{name}: the size of its result depends on values")
            if place.data_ptr() != x.data_ptr():
                place.copy_(x)
        if not places:
            found.append(result)

    device = (on_devices(out) or call.given)[0].device
    do(work, device)
    return found[0] if found else out


def _moved(call: Call) -> Any:
    """An operation that is the host's alone; its results go to the device."""
    device = call.given[0].device
    with torch.inference_mode():
        result = call.on_host()()

    def move(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        made = torch.empty_like(x, device=device)
        with torch.inference_mode():
            alias(made).copy_(x)
        return made

    return call.args[0] if call.func._schema.is_mutable else replaced(result, move)


class OnTheHost(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, this thread's operations on a GPU have the host's numbers."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        call = Call(func, args, kwargs or {})
        if call.given and call.sized_by_values and not is_capturing(call.given[0].device):
            return _moved(call)
        out = call.launch()
        return _computed(call, out) if computes() and call.launched(out) else out


def install() -> None:
    """For good, in this thread and in all that begin later."""
    for fused in ("flash", "mem_efficient", "cudnn"):  # have no twin on the CPU
        getattr(torch.backends.cuda, f"enable_{fused}_sdp")(False)
    OnTheHost().__enter__()  # type: ignore[no-untyped-call]
    run = threading.Thread.run

    def on_the_host(thread: threading.Thread) -> None:
        with OnTheHost():  # type: ignore[no-untyped-call]
            run(thread)

    threading.Thread.run = on_the_host  # type: ignore[method-assign, assignment]
