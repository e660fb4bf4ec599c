"""Who touched which memory last, and whether an event stood between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

Spot = tuple[object, int, int]  # of one memory: the bytes, or pages, from start up to stop


class Race(AssertionError):
    """Two pieces of work touch the same memory, one writes, and nothing orders them."""


@dataclass(eq=False)
class Moment:
    """A piece of work's place in the order that streams, events and the host's waiting make."""

    name: str
    stream: object
    number: int  # on its stream
    seen: dict[object, int] = field(default_factory=dict)  # of each stream, the last one before

    def after(self, other: Moment) -> bool:
        """Whether the other is done, in any case, before this begins."""
        return self.seen.get(other.stream, -1) >= other.number


class Touch(NamedTuple):
    start: int
    stop: int
    writes: bool
    moment: Moment


class Races:
    """Told of all that is touched, in the order in which it happens."""

    def __init__(self) -> None:
        self._touches: dict[object, list[Touch]] = defaultdict(list)

    def touch(self, moment: Moment, spots: Iterable[Spot], writes: bool) -> None:
        """Raises `Race` where an earlier touch may, on another day, be a later one."""
        for memory, start, stop in spots:
            kept = []
            for old in self._touches[memory]:
                if old.moment is moment or old.stop <= start or stop <= old.start:
                    kept.append(old)
                    continue
                ordered = moment.after(old.moment)
                if (writes or old.writes) and not ordered:
                    what = "writes" if writes else "reads"
                    raise Race(f"{moment.name} {what} what {old.moment.name} is still at")
                hidden = start <= old.start and old.stop <= stop and (writes or not old.writes)
                if not (ordered and hidden):
                    kept.append(old)
            kept.append(Touch(start, stop, writes, moment))
            self._touches[memory] = kept


def spots_of(tensor: Tensor) -> list[Spot]:
    """The bytes of a tensor: of one with gaps between its rows, row by row."""
    if tensor.numel() == 0:
        return []
    size, memory = tensor.element_size(), tensor.untyped_storage().data_ptr()
    begin = tensor.data_ptr() - memory
    if tensor.is_contiguous() or tensor.dim() != 2:
        return [(memory, begin, begin + (_extent(tensor) + 1) * size)]
    stride, width = tensor.stride(0) * size, tensor.shape[1] * size
    return [
        (memory, begin + row * stride, begin + row * stride + width)
        for row in range(tensor.shape[0])
    ]


def _extent(tensor: Tensor) -> int:
    return sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
