"""Where a model lies: a local folder, or the hub's copy of it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from proxyfuse.errors import ModelError

WANTED = ("*.json", "tokenizer*", "*.model", "*.txt", "*.jinja")
UNWANTED = ("*/*", "consolidated*")  # other formats of the same weights


def resolve(name_or_path: str | Path, revision: str | None = None, *, weights: bool = True) -> Path:
    """The folder of a model: a local one as it is, a hub name downloaded (never any code).

    weights: whether they are downloaded too. Raises `ModelError` where it is neither, or the hub
    cannot be reached.
    """
    if not isinstance(name_or_path, str | Path):
        raise ModelError(f"got {name_or_path!r:.80}, want a model's folder or a hub name")
    name = str(name_or_path)
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return path
        is_file = path.exists()
    except (OSError, RuntimeError) as error:  # too long a name, a user without a home
        raise ModelError(f"{name:.80}: no such folder: {error!s:.80}") from error
    if is_file:
        raise ModelError(f"{name}: got a file, want a model's folder or a hub name")
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"{name}: no such folder")
    if not weights:
        return _download(name, revision)
    folder = _download(name, revision, "*.safetensors")
    if any(folder.glob("*.safetensors")):
        return folder
    return _download(name, revision, "pytorch_model*.bin")


def _download(name: str, revision: str | None, *weights: str) -> Path:
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=[*WANTED, *weights],
                ignore_patterns=list(UNWANTED),
            )
        )
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"{name}: no such folder, and not to be had from the hub: {reason}"
        ) from error
