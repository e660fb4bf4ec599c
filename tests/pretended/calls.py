"""An operation of torch's: what it was called with, and the same on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.pretended.aliases import alias, check, leaves, on_devices, replaced

# Allocate, describe, or copy by the driver's own copies, which are real.
COMPUTES_NOTHING = {
    f"aten::{name}"
    for name in (
        *("empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "resize_"),
        *("set_", "detach", "record_stream", "is_pinned", "_pin_memory", "_local_scalar_dense"),
    )
}
# How large their results are depends on values, which torch reads back in the middle.
SIZED_BY_VALUES = {
    f"aten::{name}" for name in ("nonzero", "masked_select", "_unique2", "repeat_interleave")
}
INDEXED = {f"aten::{name}" for name in ("index", "index_put_", "_index_put_impl_")}


def _wide_product(a: Tensor, b: Tensor, dtype: torch.dtype, *, out: Tensor | None = None) -> Tensor:
    return torch.mm(a.to(dtype), b.to(dtype), out=out)


def _wide_sum(
    c: Tensor, a: Tensor, b: Tensor, dtype: torch.dtype, *, out: Tensor | None = None, **by: Any
) -> Tensor:
    return torch.addmm(c.to(dtype), a.to(dtype), b.to(dtype), out=out, **by)


# What the CPU lacks, by the name that the GPU's has.
ON_HOST: dict[str, Callable[..., Any]] = {
    "aten::mm.dtype": _wide_product,
    "aten::mm.dtype_out": _wide_product,
    "aten::addmm.dtype": _wide_sum,
    "aten::addmm.dtype_out": _wide_sum,
}


class Call:
    """One operation and what it was called with."""

    def __init__(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.name = func._schema.name
        self.given = on_devices((args, kwargs))

    @property
    def sized_by_values(self) -> bool:
        if self.name in INDEXED:
            kinds = [x.dtype for x in leaves(self.args[1]) if isinstance(x, Tensor)]
            return torch.bool in kinds or torch.uint8 in kinds
        return self.name in SIZED_BY_VALUES

    def launch(self) -> Any:
        return self.func(*self.args, **self.kwargs)

    def launched(self, out: Any) -> bool:
        """Whether that was work for a GPU, and not a view or an allocation."""
        made = on_devices(out)
        if not (self.given or made) or self.name in COMPUTES_NOTHING:
            return False
        known = {x.untyped_storage()._cdata for x in self.given}
        view = made and all(x.untyped_storage()._cdata in known for x in made)
        return self.func._schema.is_mutable or not view

    def on_host(self) -> Callable[[], Any]:
        """The CPU's operation over the same bytes, as they are when it is called."""
        aliases: list[Tensor] = []

        def host(x: Any) -> Any:
            if isinstance(x, Tensor) and x.is_cuda:
                aliases.append(alias(x))
                return aliases[-1]
            if isinstance(x, torch.device) and x.type == "cuda":
                return torch.device("cpu")
            if isinstance(x, torch.Generator) and x.device.type == "cuda":
                return torch.Generator().manual_seed(x.initial_seed() + x.get_offset())
            return x

        with torch.inference_mode():
            args, kwargs = replaced(self.args, host), replaced(self.kwargs, host)
        for gpus_alone in ("pin_memory", "non_blocking"):
            kwargs.pop(gpus_alone, None)
        same = ON_HOST.get(f"{self.name}.{self.func._overloadname}", self.func)

        def compute() -> Any:
            for x in aliases:
                check(x)  # again: a graph may be replayed when its memory is gone
            return same(*args, **kwargs)

        return compute
