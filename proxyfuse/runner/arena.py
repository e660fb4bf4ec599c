"""The KV arena: one allocation of identical pages, and each role's view of it."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse.cache.geometry import Geometry, KVShape


class Arena:
    """`pages` pages of `geometry.page_bytes` bytes, uninitialised."""

    def __init__(self, geometry: Geometry, pages: int, device: torch.device) -> None:
        self.geometry = geometry
        self.pages = pages
        self.memory = torch.empty(pages * geometry.page_bytes, dtype=torch.uint8, device=device)

    def view(self, shape: KVShape, slots: int, dtype: torch.dtype) -> Tensor:
        """A role's view [pages, layers, 2, slots, kv_heads, head_dim] over the same bytes."""
        assert dtype.itemsize == shape.itemsize
        row = shape.kv_heads * shape.head_dim
        stride = self.geometry.page_bytes // dtype.itemsize
        return self.memory.view(dtype).as_strided(
            (self.pages, shape.layers, 2, slots, shape.kv_heads, shape.head_dim),
            (stride, 2 * slots * row, slots * row, row, shape.head_dim, 1),
        )

    def poison(self) -> None:
        """Fill every page with NaN, so that reading what nobody wrote shows. For tests.

        Done when this returns: the streams of a step do not wait for the one that it is given to.
        """
        self.memory.fill_(0xFF)
        if self.memory.is_cuda:
            torch.cuda.synchronize(self.memory.device)
