"""The folders as shipped, read without any framework."""

import json
from math import prod

import pytest

from proxyfuse.demo import ROLES, model_folder

FOLDER = model_folder("base").parent


def header(role: str) -> dict[str, dict[str, object]]:
    with (FOLDER / role / "model.safetensors").open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        tensors = json.loads(file.read(size))
    tensors.pop("__metadata__", None)
    return tensors


def parameters(role: str) -> int:
    return sum(prod(tensor["shape"]) for tensor in header(role).values())


def test_all_four_fit_into_32_megabytes() -> None:
    assert sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file()) <= 32_000_000


def test_the_base_has_eight_times_the_parameters_of_a_proxy() -> None:
    assert parameters("base") >= 8 * parameters("expert")
    assert parameters("tuned") == parameters("base")
    assert parameters("antiexpert") == parameters("expert")


@pytest.mark.parametrize("role", ROLES)
def test_weights_are_bf16_and_tied_once(role: str) -> None:
    tensors = header(role)
    assert {tensor["dtype"] for tensor in tensors.values()} == {"BF16"}
    assert "lm_head.weight" not in tensors
    assert json.loads((FOLDER / role / "config.json").read_text())["tie_word_embeddings"] is True


@pytest.mark.parametrize("role", ROLES)
def test_every_folder_is_complete(role: str) -> None:
    names = {path.name for path in (FOLDER / role).iterdir()}
    assert names >= {
        "config.json", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    }  # fmt: skip


def test_tokenizers_are_identical_and_only_the_tuned_ones_chat() -> None:
    assert len({(FOLDER / role / "tokenizer.json").read_bytes() for role in ROLES}) == 1
    chat = {
        role
        for role in ROLES
        if "chat_template" in json.loads((FOLDER / role / "tokenizer_config.json").read_text())
    }
    assert chat == {"expert", "tuned"}


def test_an_unknown_role_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="expert, antiexpert, tuned"):
        model_folder("oracle")
