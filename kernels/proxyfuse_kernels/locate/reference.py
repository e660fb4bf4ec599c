"""The meaning of `locate`."""

from __future__ import annotations

from torch import Tensor


def locate(positions: Tensor, lanes: Tensor, page_table: Tensor, size: int, slots: Tensor) -> None:
    """slots = page_table[lane, position // size] * size + position % size.

    positions, lanes and slots [T] int32, page_table [L, W] int32, pages of `size` slots.
    """
    pages = page_table[lanes.long(), (positions // size).long()]
    slots.copy_(pages * size + positions % size)
