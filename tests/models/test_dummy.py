"""Weights that are drawn: which there are, how loud, and always the same ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from proxyfuse.errors import ConfigError, ModelError
from proxyfuse.models import dummy
from proxyfuse.models.config import read_config
from proxyfuse.models.dummy import seed_of
from proxyfuse.models.loading import load_weights, narrow_products, weights_bytes
from proxyfuse.models.pair import difference, load_pair
from proxyfuse.models.weights import Weights, member, places
from proxyfuse.trio import Role
from proxyfuse_kernels.quantised import Quantised, Weight
from tests.drawn import bare, save_drawn
from tests.stored_fp8 import compressed, say, weights_of
from tests.tiny import FAMILIES, make_model

WIDE = {"hidden_size": 200, "intermediate_size": 333, "num_hidden_layers": 1}


def folder_of(tmp_path: Path, family: str = "llama", **changes: object) -> Path:
    make_model(tmp_path, family, **changes)
    return bare(tmp_path)


def drawn(folder: Path, seed: int = 1, dtype: torch.dtype = torch.float32, kept=None) -> Weights:
    return load_weights(folder, read_config(folder), dtype, "cpu", kept, seed=seed)


def by_name(folder: Path, weights: Weights) -> dict[str, torch.Tensor]:
    return {name: wide(place) for name, place in places(weights, read_config(folder))}


def wide(place: Weight) -> torch.Tensor:
    return place.float()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kept", [None, "fp8"])
def test_what_the_config_says_is_drawn_again_alike(
    family: str, kept: str | None, tmp_path: Path
) -> None:
    """Norms of one, biases too, a tied head is the embedding; another seed gives another model."""
    folder = folder_of(tmp_path, family)
    config = read_config(folder)
    weights = drawn(folder, kept=kept)
    found, again, other = (
        by_name(folder, its)
        for its in (weights, drawn(folder, kept=kept), drawn(folder, 2, kept=kept))
    )
    assert ("lm_head.weight" in found) == (weights.head is not weights.embedding)
    assert any(name.endswith("q_proj.bias") for name in found) == config.qkv_bias
    assert any(name.endswith("q_norm.weight") for name in found) == config.qk_norm
    for name, tensor in found.items():
        assert torch.equal(tensor, again[name])
        if name.endswith("norm.weight"):
            assert (tensor == 1).all()
        else:
            assert tensor.std() > 0 and not torch.equal(tensor, other[name])
    shapes: dict[torch.Size, list[torch.Tensor]] = {}
    for name, tensor in found.items():
        if not name.endswith("norm.weight"):
            assert not any(torch.equal(tensor, one) for one in shapes.get(tensor.shape, []))
            shapes.setdefault(tensor.shape, []).append(tensor)


@pytest.mark.parametrize("kept", [None, "fp8"])
@pytest.mark.parametrize("said", [{}, {"initializer_range": 0.1}])
def test_all_is_as_loud_as_the_config_says(
    kept: str | None, said: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dummy, "PIECE", 999)
    folder = folder_of(tmp_path, **WIDE)
    data = json.loads((folder / "config.json").read_text())
    data.pop("initializer_range")
    (folder / "config.json").write_text(json.dumps(data | said))
    for name, tensor in by_name(folder, drawn(folder, kept=kept)).items():
        if not name.endswith("norm.weight"):
            want = said.get("initializer_range", 0.02)
            assert tensor.std() == pytest.approx(want, rel=0.1), name
            assert abs(tensor.mean()) < 0.1 * want


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_another_type_has_the_same_weights_rounded(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "llama-biased")
    found = dict(places(drawn(folder, dtype=dtype), read_config(folder)))
    for name, tensor in by_name(folder, drawn(folder)).items():
        assert torch.equal(found[name], tensor.to(dtype))


@pytest.mark.parametrize("said", [False, True], ids=["asked", "said"])
def test_products_are_drawn_in_8_bits(said: bool, tmp_path: Path) -> None:
    """Whether the option asks for it or the config says that the checkpoint is so."""
    folder = folder_of(tmp_path, "qwen2")
    if said:
        say(folder, compressed(weights_of("channel")))
    config, kept = read_config(folder), None if said else "fp8"
    weights = drawn(folder, dtype=torch.bfloat16, kept=kept)
    named = dict(places(weights, config))
    narrow = {name for name, place in named.items() if isinstance(place, Quantised)}
    assert narrow == narrow_products(folder, config, kept, seed=1)
    assert len(narrow) == 7 * config.num_layers
    held = sum(place.nbytes for place in named.values())
    assert weights_bytes(folder, config, torch.bfloat16, kept, seed=1) == held
    for name in narrow:
        place = named[name]
        assert isinstance(place, Quantised)
        assert place.values.float().abs().max() > 200 and place.float().isfinite().all()
        assert (place.scales > 0).all() and place.scales.std() > 0


@pytest.mark.parametrize("kept", [None, "fp8"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_of_what_was_drawn_is_loaded_as_it(
    family: str, kept: str | None, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "bare", family)
    saved = save_drawn(folder, Role.EXPERT, tmp_path / "saved", kept)
    config = read_config(saved)
    found = by_name(folder, drawn(folder, int(Role.EXPERT), kept=kept))
    loaded = by_name(saved, load_weights(saved, config, torch.float32))
    assert found.keys() == loaded.keys()
    assert all(torch.equal(found[name], loaded[name]) for name in found)
    sizes = weights_bytes(folder, read_config(folder), torch.float32, kept, seed=1)
    assert weights_bytes(saved, config, torch.float32) == sizes


def test_side_by_side_each_half_is_what_is_drawn_alone(tmp_path: Path) -> None:
    folders = [folder_of(tmp_path / name, "llama-biased") for name in ("one", "other")]
    say(folders[0], compressed(weights_of("tensor")))
    say(folders[1], compressed(weights_of("channel")))
    configs = [read_config(folder) for folder in folders]
    assert difference(folders, configs, (1, 2)) is None
    whole = load_pair(folders, configs, torch.bfloat16, seeds=(1, 2))
    for index, folder in enumerate(folders):
        alone = by_name(folder, drawn(folder, index + 1, torch.bfloat16))
        half = by_name(folder, member(whole, index))
        assert all(torch.equal(half[name], alone[name]) for name in alone)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    assert [seed_of("dummy", role) for role in Role] == [0, 1, 2]
    assert seed_of("auto", Role.BASE) is None
    with pytest.raises(ConfigError, match="load_format: got 'gguf', want one of auto, dummy"):
        seed_of("gguf", Role.BASE)
    folder = folder_of(tmp_path)
    config = read_config(folder)
    data = json.loads((folder / "config.json").read_text()) | {"initializer_range": -1}
    (folder / "config.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match=r"config\.json: initializer_range: got -1, want a number"):
        load_weights(folder, config, torch.float32, seed=0)
