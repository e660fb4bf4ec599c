"""A safetensors file: its header checked against its length, its tensors read in pieces."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from proxyfuse.errors import WeightsError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
}
PIECE = 4 << 20  # bytes read at a time: all that loading needs beside the weights
HEADER_LIMIT = 100 << 20  # bytes; the format's own limit


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file: where its bytes lie and what they mean."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    start: int  # byte of the file

    def pieces(self, step: int = 1) -> Iterator[Tensor]:
        """All of it in order, flat, in pieces that overwrite each other: multiples of `step`.

        Reads, rather than maps, the file: pages of a map count as this process's memory. Raises
        `WeightsError` where the file ends too soon.
        """
        left, unit = math.prod(self.shape) * self.dtype.itemsize, step * self.dtype.itemsize
        buffer = bytearray(min(max(1, PIECE // unit) * unit, max(1, left)))
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            while left:
                wanted = min(len(buffer), left)
                if stream.readinto(memoryview(buffer)[:wanted]) < wanted:
                    raise WeightsError(f"{self.file}: {self.name}: the file ends within it")
                yield torch.frombuffer(buffer, dtype=self.dtype)[: wanted // self.dtype.itemsize]
                left -= wanted

    def copy_to(self, place: Tensor) -> None:
        """Convert and copy into a contiguous tensor of the same shape.

        Raises `WeightsError` as `pieces` does, and where a value does not fit the place's type.
        """
        flat, done = place.view(-1), 0
        narrower = place.dtype == torch.float16 != self.dtype
        for piece in self.pieces():
            target = flat[done : done + len(piece)].copy_(piece)
            if narrower and not target.isfinite().all():
                largest = torch.finfo(torch.float16).max
                raise WeightsError(
                    f"{self.file}: {self.name}: got a value that float16 cannot hold, "
                    f"want at most {largest:g}; load in bfloat16 or float32"
                )
            done += len(piece)


def read_header(file: Path) -> Iterator[tuple[str, Stored]]:
    """The tensors of a file by name.  Raises `WeightsError` where it is corrupt or truncated."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(HEADER_LIMIT, size - 8):
            raise WeightsError(f"{file}: got a header of {length} bytes in a file of {size} bytes")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: want a header in JSON, got {error}") from None
    if not isinstance(header, dict):
        raise WeightsError(f"{file}: want a header of names, got {type(header).__name__}")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        yield name, _stored(file, name, entry, 8 + length, size)


def _stored(file: Path, name: str, entry: Any, base: int, size: int) -> Stored:
    """The tensor of one header entry, whose offsets count from byte `base`."""
    try:
        kind, (begin, end) = str(entry["dtype"]), entry["data_offsets"]
        shape, start, stop = tuple(map(int, entry["shape"])), base + int(begin), base + int(end)
    except (KeyError, TypeError, ValueError):
        raise WeightsError(f"{file}: {name}: got the header entry {entry!r}") from None
    if kind not in DTYPES:
        raise WeightsError(f"{file}: {name}: got the type {kind}, want one of {', '.join(DTYPES)}")
    numel, dtype = math.prod(shape), DTYPES[kind]
    if min(shape, default=0) < 0 or start < base or stop - start != numel * dtype.itemsize:
        raise WeightsError(
            f"{file}: {name}: got bytes {begin} to {end} for {kind} of shape {shape}"
        )
    if stop > size:
        got = f"it ends at byte {stop} of a file of {size} bytes"
        raise WeightsError(f"{file}: {name}: the file is truncated: {got}")
    return Stored(file, name, shape, dtype, start)
