"""The tensors a checkpoint's files hold: found by their headers, read in pieces."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import torch
from torch import Tensor

from proxyfuse.errors import WeightsError
from proxyfuse.models.fields import read_json

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
PIECE = 16 << 20  # bytes read at a time; what loading needs beside the weights
HEADER_LIMIT = 100 << 20  # bytes; the format's own limit


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a safetensors file: where its bytes lie and what they mean."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    start: int  # byte of the file

    def copy_to(self, place: Tensor) -> None:
        """Convert and copy into a contiguous tensor of the same shape, a piece at a time.

        Reads, rather than maps, the file: pages of a map count as this process's memory.
        """
        flat, done = place.view(-1), 0
        buffer = bytearray(min(PIECE, max(1, flat.numel() * self.dtype.itemsize)))
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            while done < flat.numel():
                wanted = min(len(buffer), (flat.numel() - done) * self.dtype.itemsize)
                if stream.readinto(memoryview(buffer)[:wanted]) < wanted:
                    raise WeightsError(
                        f"{self.file}: {self.name}: the file ended within this tensor"
                    )
                piece = torch.frombuffer(buffer, dtype=self.dtype)[: wanted // self.dtype.itemsize]
                flat[done : done + len(piece)].copy_(piece)
                done += len(piece)


@dataclass(frozen=True, slots=True)
class Unpickled:
    """A tensor of a pickled checkpoint, mapped from its file."""

    file: Path
    name: str
    tensor: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.tensor.shape)

    def copy_to(self, place: Tensor) -> None:
        """Convert and copy into a tensor of the same shape."""
        place.copy_(self.tensor)


Reader = Callable[[Path], Iterator[tuple[str, Stored | Unpickled]]]


def find_tensors(folder: Path) -> dict[str, Stored | Unpickled]:
    """Every tensor of the checkpoint in a folder, by name.

    Safetensors are preferred to pickles, which load as weights only. Raises `WeightsError`, with
    file and tensor, where there is no checkpoint or it is truncated, corrupt or incomplete.
    """
    for single, read in (("model.safetensors", read_header), ("pytorch_model.bin", read_pickle)):
        if (folder / single).exists():
            return dict(read(folder / single))
        if (folder / f"{single}.index.json").exists():
            return dict(_read_shards(folder, f"{single}.index.json", read))
    held = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
    raise WeightsError(f"{folder}: want model.safetensors or its index, got {held}")


def _read_shards(
    folder: Path, index: str, read: Reader
) -> Iterator[tuple[str, Stored | Unpickled]]:
    shard_of = read_json(folder / index).inside("weight_map").data
    for shard in sorted(set(map(str, shard_of.values()))):
        if Path(shard).name != shard or not (folder / shard).exists():
            raise WeightsError(f"{folder / index}: lists the shard {shard}, which is not beside it")
        held = dict(read(folder / shard))
        for name, listed in shard_of.items():
            if listed == shard and name not in held:
                raise WeightsError(f"{folder / shard}: {name}: listed in {index}, but not in here")
        yield from held.items()


def read_header(file: Path) -> Iterator[tuple[str, Stored]]:
    """The tensors of a safetensors file, checked against its length."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(HEADER_LIMIT, size - 8):
            raise WeightsError(f"{file}: got a header of {length} bytes in a file of {size} bytes")
        raw = stream.read(length)
    try:
        header = dict(json.loads(raw))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{file}: want a header in JSON, got {error}") from None
    header.pop("__metadata__", None)
    for name, entry in header.items():
        yield name, _stored(file, name, entry, 8 + length, size)


def _stored(file: Path, name: str, entry: object, base: int, size: int) -> Stored:
    try:
        kind, shape, (begin, end) = (entry[key] for key in ("dtype", "shape", "data_offsets"))  # type: ignore[index]
        numel, start, stop = math.prod(map(int, shape)), base + int(begin), base + int(end)
    except (KeyError, TypeError, ValueError):
        raise WeightsError(f"{file}: {name}: got the header entry {entry!r}") from None
    if kind not in DTYPES:
        raise WeightsError(f"{file}: {name}: got the type {kind}, want one of {', '.join(DTYPES)}")
    if min(shape, default=0) < 0 or start < base or stop - start != numel * DTYPES[kind].itemsize:
        raise WeightsError(f"{file}: {name}: got bytes {begin} to {end} for {kind} {shape}")
    if stop > size:
        raise WeightsError(
            f"{file}: {name}: ends at byte {stop} of a file of {size} bytes; it is truncated"
        )
    return Stored(file, name, tuple(shape), DTYPES[kind], start)


def read_pickle(file: Path) -> Iterator[tuple[str, Unpickled]]:
    """The tensors of a pickled state dict, which may hold nothing else."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except Exception as error:  # a corrupt pickle may raise anything
        raise WeightsError(f"{file}: does not load as weights only: {error}") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{file}: want a state dict, got {type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise WeightsError(f"{file}: {name}: want a tensor of floats, got {tensor!r:.60}")
        yield str(name), Unpickled(file, str(name), tensor)
