"""Where models are looked for; the hub itself is never asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from proxyfuse.errors import ModelError
from proxyfuse.models import folder


def test_a_local_folder_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.resolve(tmp_path) == folder.resolve(str(tmp_path)) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    assert folder.resolve("~/model") == tmp_path / "model"


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "a/b/c", "~/nowhere/at/all"])
def test_what_can_only_be_a_path_is_not_asked_of_the_hub(name: str) -> None:
    with pytest.raises(ModelError, match=r"no such folder$"):
        folder.resolve(name)


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").touch()
    with pytest.raises(ModelError, match="got a file"):
        folder.resolve(tmp_path / "model.gguf")


def test_the_hub_gives_safetensors_or_else_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(name: str, **options: Any) -> str:
        asked.append((name, options["revision"], options["allow_patterns"][-1]))
        return str(tmp_path)

    monkeypatch.setattr(folder, "snapshot_download", download)
    assert folder.resolve("team/model", revision="v2") == tmp_path
    (tmp_path / "model.safetensors").touch()
    assert folder.resolve("team/model") == tmp_path
    single, pickled = "*.safetensors", "pytorch_model*.bin"
    assert asked == [
        ("team/model", "v2", single), ("team/model", "v2", pickled), ("team/model", None, single),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error", [LocalEntryNotFoundError("offline: not in the cache\nmore"), OSError("disk full")]
)
def test_a_hub_out_of_reach_is_a_model_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, **options: Any) -> str:
        raise error

    monkeypatch.setattr(folder, "snapshot_download", fail)
    with pytest.raises(ModelError, match=r"team/model: no such folder, .* hub: (offline|disk)"):
        folder.resolve("team/model")


def test_a_name_the_hub_cannot_have_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="not to be had from the hub"):
        folder.resolve("no spaces/allowed")
