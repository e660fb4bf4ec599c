"""The files of a checkpoint: which there are, and the tensors they hold between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from proxyfuse.errors import WeightsError
from proxyfuse.models.fields import read_json
from proxyfuse.models.pickled_file import Unpickled, read_pickle
from proxyfuse.models.safetensors_file import Stored, read_header

Reader = Callable[[Path], Iterator[tuple[str, Stored | Unpickled]]]


def find_tensors(folder: Path) -> dict[str, Stored | Unpickled]:
    """Every tensor of the checkpoint in a folder, by name; no weights are read yet.

    Safetensors are preferred to pickles, one file to shards. Raises `WeightsError`, with file and
    tensor, where there is no checkpoint or it is unreadable, truncated, corrupt or incomplete.
    """
    readers: dict[str, Reader] = {
        "model.safetensors": read_header,
        "pytorch_model.bin": read_pickle,
    }
    try:
        for single, read in readers.items():
            if (folder / single).exists():
                return dict(read(folder / single))
            if (folder / f"{single}.index.json").exists():
                return dict(_read_shards(folder / f"{single}.index.json", read))
    except OSError as error:
        raise WeightsError(f"{folder}: {error}") from error
    held = ", ".join(sorted(path.name for path in folder.glob("*"))) or "nothing"
    raise WeightsError(f"{folder}: want model.safetensors, or its shards and index, got {held}")


def _read_shards(index: Path, read: Reader) -> Iterator[tuple[str, Stored | Unpickled]]:
    """The tensors of all shards that an index lists, each of which must hold what is listed."""
    fields = read_json(index)
    shard_of = fields.inside("weight_map").data
    for shard in sorted({str(shard) for shard in shard_of.values()}):
        file = index.parent / shard
        if file.parent != index.parent or not file.is_file():
            raise WeightsError(f"{index}: lists the shard {shard}, but it is not beside the index")
        held = dict(read(file))
        for name, listed in shard_of.items():
            if listed == shard and name not in held:
                raise WeightsError(f"{file}: {name}: listed in {index.name}, but not in the file")
        yield from held.items()
