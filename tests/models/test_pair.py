"""Two models whose weights lie side by side: to the bit what each computes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from proxyfuse.models.config import read_config
from proxyfuse.models.decoder import Decoder, Rows, allocate_work
from proxyfuse.models.loading import load_weights
from proxyfuse.models.pair import difference, load_pair
from proxyfuse.models.weights import Weights, member, places
from proxyfuse_kernels.quantised import Quantised
from proxyfuse_kernels.reference import ReferenceOps
from tests.stored_fp8 import store
from tests.tiny import make_model

PER_PAGE, PAGES, LANES = 5, 12, 2
FAMILIES = ["llama3", "llama-biased", "qwen2-windows", "qwen3"]


def pair_of(tmp_path: Path, family: str, narrow: bool) -> list[Path]:
    folders = [tmp_path / "one", tmp_path / "other"]
    for seed, folder in enumerate(folders):
        make_model(folder, family, seed=seed, eos_token_id=seed)
        if narrow:
            store(folder, ("tensor", "channel")[seed])
    return folders


def rows_of(models: int, ids: list[int], length: int) -> Rows:
    """Each model's lanes, a token each, every one of which is sampled, the last one first."""
    lanes = torch.arange(models * LANES).int()
    table = torch.arange(PAGES, dtype=torch.int32).view(models * LANES, -1)
    at = torch.full_like(lanes, length)
    slots = table[:, length // PER_PAGE] * PER_PAGE + length % PER_PAGE
    order = torch.arange(LANES).flip(0).int()
    samples = torch.cat([order + model * LANES for model in range(models)])
    return Rows(
        ids=torch.tensor(ids, dtype=torch.int32),
        positions=at,
        slots=slots,
        lanes=lanes,
        page_table=table,
        samples=samples,
    )


@torch.inference_mode()
@pytest.mark.parametrize("narrow", [False, True], ids=["", "8 bits"])
@pytest.mark.parametrize("family", FAMILIES)
def test_one_forward_is_the_two(family: str, narrow: bool, tmp_path: Path) -> None:
    folders = pair_of(tmp_path, family, narrow)
    configs = [read_config(folder) for folder in folders]
    assert difference(folders, configs) is None
    whole = Decoder(configs[0], load_pair(folders, configs, torch.float32))
    shape = (PAGES, configs[0].num_layers, 2, PER_PAGE, 2, configs[0].head_dim)
    kv = torch.full((2, *shape), torch.nan)
    work = allocate_work(configs[0], 2 * LANES, 2 * LANES, torch.float32)
    for buffer in (getattr(work, name) for name in work.__slots__):
        buffer.fill_(torch.nan)
    generator = torch.Generator().manual_seed(0)
    for step in range(9):
        ids = torch.randint(300, (2 * LANES,), generator=generator).tolist()
        rows = rows_of(2, ids, step)
        both = whole.forward(ReferenceOps(), rows, kv[0], work).clone()
        for index in range(2):
            alone = whole.over(member(whole.weights, index))
            part = slice(index * LANES, (index + 1) * LANES)
            own = Rows(
                ids=rows.ids[part],
                positions=rows.positions[part],
                slots=rows.slots[part],
                lanes=rows.lanes[:LANES],
                page_table=rows.page_table[part],
                samples=rows.samples[:LANES],
            )
            logits = alone.forward(ReferenceOps(), own, kv[1], work)
            assert torch.equal(logits, both[part])
        assert torch.equal(*kv.nan_to_num(7.5)) and both.std() > 0.5
    assert not torch.equal(both[:LANES], both[LANES:])


@pytest.mark.parametrize("narrow", [False, True], ids=["", "8 bits"])
def test_each_half_is_what_a_checkpoint_holds(narrow: bool, tmp_path: Path) -> None:
    folders = pair_of(tmp_path, "llama-biased", narrow)
    configs = [read_config(folder) for folder in folders]
    whole = load_pair(folders, configs, torch.bfloat16)
    for index, (folder, config) in enumerate(zip(folders, configs, strict=True)):
        wanted = held(load_weights(folder, config, torch.bfloat16), tmp_path, index)
        got = held(member(whole, index), tmp_path, index)
        assert wanted.keys() == got.keys()
        assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def held(weights: Weights, tmp_path: Path, index: int) -> dict[str, torch.Tensor]:
    config = read_config(tmp_path / ("one", "other")[index])
    return {
        name: place.float() if isinstance(place, Quantised) else place
        for name, place in places(weights, config)
    }


def test_tied_heads_stay_tied(tmp_path: Path) -> None:
    folders = pair_of(tmp_path, "llama3", False)
    whole = load_pair(folders, [read_config(folder) for folder in folders], torch.float32)
    one = member(whole, 1)
    assert whole.head is whole.embedding and one.head is one.embedding
    assert one.head.data_ptr() == whole.head[1].data_ptr()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"num_hidden_layers": 2}, "windows: (None, None, None) and (None, None)"),
        ({"rms_norm_eps": 1e-4}, "rms_norm_eps: 1e-05 and 0.0001"),
        ({"max_position_embeddings": 128}, None),
    ],
)
def test_what_keeps_models_apart(
    change: dict[str, int], wanted: str | None, tmp_path: Path
) -> None:
    make_model(tmp_path / "one")
    make_model(tmp_path / "other", **{"rms_norm_eps": 1e-5, **change})
    folders = [tmp_path / "one", tmp_path / "other"]
    assert difference(folders, [read_config(folder) for folder in folders]) == wanted
