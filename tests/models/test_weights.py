"""The loader: every layout a checkpoint comes in, every way it can be broken, and its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from proxyfuse.errors import ModelError, WeightsError
from proxyfuse.models.config import read_config
from proxyfuse.models.loading import load_weights, weights_bytes
from proxyfuse.models.safetensors_file import read_header
from proxyfuse.models.weights import Weights, allocate_weights, places
from proxyfuse_kernels.quantised import Quantised, quantise
from tests.stored_fp8 import store
from tests.tiny import FAMILIES, make_model

State = dict[str, Tensor]
Q = "model.layers.1.self_attn.q_proj.weight"


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Weights:
    return load_weights(folder, read_config(folder), dtype)


def equal(folder: Path, weights: Weights, state: State, dtype: torch.dtype = torch.float32) -> bool:
    """Whether every place holds the checkpoint's tensor of that name, rounded once."""
    return all(
        torch.equal(place, state[name].to(dtype))
        for name, place in places(weights, read_config(folder))
    )


def tensors(folder: Path) -> State:
    """Copies, because what is loaded is a map of the file."""
    mapped = load_file(folder / "model.safetensors")
    return {name: tensor.clone() for name, tensor in mapped.items()}


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The tensors of a small model in `tmp_path`."""
    make_model(tmp_path)
    return tensors(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_each_tensor_is_in_its_place(family: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = make_model(tmp_path, family)
    weights = load(tmp_path, dtype)
    assert equal(tmp_path, weights, model.state_dict(), dtype)
    attention = model.model.layers[1].self_attn
    fused = [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]
    assert torch.equal(weights.layers[1].qkv, torch.cat(fused).to(dtype))
    assert (weights.head is weights.embedding) == model.config.tie_word_embeddings
    stored = sum(parameter.numel() for parameter in model.parameters())
    assert weights_bytes(tmp_path, read_config(tmp_path), dtype) == stored * dtype.itemsize


def test_a_tensor_of_many_pieces(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxyfuse.models.safetensors_file.PIECE", 64)
    assert equal(tmp_path, load(tmp_path), state)


def shard(folder: Path, state: State, save: Callable[[State, Path], None], single: str) -> None:
    """The same checkpoint in two files and an index."""
    (folder / "model.safetensors").unlink()
    listed = {name: f"part-{i % 2}" for i, name in enumerate(state)}
    for file in ("part-0", "part-1"):
        save({name: state[name] for name in state if listed[name] == file}, folder / file)
    (folder / f"{single}.index.json").write_text(json.dumps({"weight_map": listed}))


def pickle_to(state: State, file: Path, zipped: bool = True) -> None:
    torch.save(state, file, _use_new_zipfile_serialization=zipped)


def test_shards(state: State, tmp_path: Path) -> None:
    shard(tmp_path, state, save_file, "model.safetensors")
    assert equal(tmp_path, load(tmp_path), state)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles(state: State, zipped: bool, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").unlink()
    pickle_to(state, tmp_path / "pytorch_model.bin", zipped)
    assert equal(tmp_path, load(tmp_path, torch.bfloat16), state, torch.bfloat16)


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize(("piece", "weights"), [(64, 1), (1000, 50), (4 << 20, 1 << 17)])
def test_products_are_quantised_from_what_is_stored(
    pickled: bool, piece: int, weights: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any number of rows at a time, and not by way of the engine's type."""
    make_model(tmp_path, "llama-biased")
    state = tensors(tmp_path)
    if pickled:
        (tmp_path / "model.safetensors").unlink()
        pickle_to(state, tmp_path / "pytorch_model.bin")
    monkeypatch.setattr("proxyfuse.models.safetensors_file.PIECE", piece)
    monkeypatch.setattr("proxyfuse.models.quantising.WEIGHTS", weights)
    config = read_config(tmp_path)
    loaded = load_weights(tmp_path, config, torch.float16, quantization="fp8")
    narrow = 0
    for name, place in places(loaded, config):
        if isinstance(place, Quantised):
            want = quantise(state[name])
            assert torch.equal(place.values.view(torch.uint8), want.values.view(torch.uint8))
            assert torch.equal(place.scales, want.scales)
            narrow += 1
        else:
            assert torch.equal(place, state[name].half())
    assert narrow == 7 * config.num_layers
    held = sum(place.nbytes for _, place in places(loaded, config))
    assert weights_bytes(tmp_path, config, torch.float16, "fp8") == held


def test_pickled_shards(state: State, tmp_path: Path) -> None:
    shard(tmp_path, state, pickle_to, "pytorch_model.bin")
    assert equal(tmp_path, load(tmp_path), state)


def test_a_pickle_runs_no_code(tmp_path: Path, state: State) -> None:
    (tmp_path / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Path.cwd}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin: does not load as weights only"):
        load(tmp_path)


def test_harmless_extras_are_passed_over(state: State, tmp_path: Path) -> None:
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(5)
    save_file(state, tmp_path / "model.safetensors")
    assert equal(tmp_path, load(tmp_path), state)
    make_model(tmp_path, "llama3")
    tied = tensors(tmp_path)
    extra = {"lm_head.weight": tied["model.embed_tokens.weight"].clone()}
    save_file(tied | extra, tmp_path / "model.safetensors")
    assert equal(tmp_path, load(tmp_path), tied)
    save_file(tied | {"lm_head.weight": torch.ones(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"has no place for lm_head\.weight"):
        load(tmp_path)


def rename(state: State) -> None:
    state["model.layers.1.self_attn.q_proj.weights"] = state.pop(Q)


def lose_two(state: State) -> None:
    del state[Q], state["lm_head.weight"]


def lose_all(state: State) -> None:
    state.clear()


def add(state: State) -> None:
    state["model.layers.0.self_attn.q_proj.bias"] = torch.ones(40)


def transpose(state: State) -> None:
    state[Q] = state[Q].T.contiguous()


def quantize(state: State) -> None:
    state[Q] = state[Q].to(torch.int8)


def overflow(state: State) -> None:
    state[Q][3, 3] = 70000.0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (rename, rf"missing {Q}$"),
        (lose_two, rf"missing {Q}, lm_head\.weight$"),
        (lose_all, r"missing model\.embed_tokens\.weight, .* and 26 more"),
        (add, r"model\.safetensors: LlamaForCausalLM has no place for .*layers\.0.*q_proj\.bias"),
        (transpose, rf"model\.safetensors: {Q}: got shape \(24, 40\), want \(40, 24\)"),
        (quantize, rf"model\.safetensors: {Q}: got the type I8, want one of F64, F32"),
        (overflow, rf"model\.safetensors: {Q}: got a value that float16 cannot hold"),
    ],
)
def test_wrong_tensors(
    spoil: Callable[[State], None], message: str, state: State, tmp_path: Path
) -> None:
    spoil(state)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        load(tmp_path, torch.float16)


@pytest.mark.parametrize("keep", [0, 5, 8, 100, -1, -3000])
def test_a_truncated_file(keep: int, state: State, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"model\.safetensors: (got a header|.*truncated|want)"):
        weights_bytes(tmp_path, read_config(tmp_path), torch.float32)


def test_a_file_cut_after_its_header_was_read(state: State, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    stored = dict(read_header(file))[Q]
    file.write_bytes(file.read_bytes()[: stored.start + 16])
    with pytest.raises(WeightsError, match=f"{Q}: the file ends within it"):
        stored.copy_to(torch.empty(stored.shape))


@pytest.mark.parametrize(
    "header",
    [
        b"{", b"[]", b"[" * 99999, b"\xff\xfe", b'"x"', b'{"a": 1}', b'{"a": {"dtype": "F32"}}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}',
        b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4000000000000]}}',
    ],
)  # fmt: skip
def test_a_corrupt_header(header: bytes, state: State, tmp_path: Path) -> None:
    raw = len(header).to_bytes(8, "little") + header + bytes(64)
    (tmp_path / "model.safetensors").write_bytes(raw)
    with pytest.raises(WeightsError, match=r"model\.safetensors: "):
        load(tmp_path)


@settings(max_examples=100, deadline=None)
@given(spoilt=st.binary(min_size=1, max_size=9), place=st.floats(0, 1, exclude_max=True))
def test_spoilt_header_bytes_are_a_weights_error_or_harmless(spoilt: bytes, place: float) -> None:
    with TemporaryDirectory() as name:
        raw = bytearray(tiny_file())
        header = 8 + int.from_bytes(raw[:8], "little")
        at = int(place * header)
        raw[at : at + len(spoilt)] = spoilt
        file = Path(name) / "model.safetensors"
        file.write_bytes(raw)
        try:
            tensors = dict(read_header(file))
        except WeightsError:
            return
        for stored in tensors.values():
            stored.copy_to(torch.empty(stored.shape))


@cache
def tiny_file() -> bytes:
    return save({"a.weight": torch.ones(3, 2), "b.bias": torch.ones(5).bfloat16()})


def test_broken_shards(state: State, tmp_path: Path) -> None:
    shard(tmp_path, state, save_file, "model.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    listed = json.loads(index.read_text())["weight_map"]

    def check(weight_map: object, message: str, kind: type[ModelError] = WeightsError) -> None:
        index.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(kind, match=message):
            load(tmp_path)

    moved = listed | {Q: "part-1" if listed[Q] == "part-0" else "part-0"}
    check(
        moved, rf"{moved[Q]}: {Q}: listed in model\.safetensors\.index\.json, but not in the file"
    )
    check(listed | {Q: "part-7"}, "lists the shard part-7, but it is not beside")
    check(listed | {Q: "../part-0"}, r"lists the shard \.\./part-0")
    check([1, 2], "weight_map: got", ModelError)
    check({}, "weight_map|missing", ModelError)


def test_no_checkpoint(state: State, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"want model\.safetensors.* got config\.json, gen"):
        load(tmp_path)


MEASURE = """
import sys, torch
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from proxyfuse.models.config import read_config
from proxyfuse.models.loading import load_weights, weights_bytes
from proxyfuse_kernels.quantised import quantise

def kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))

folder, kept = Path(sys.argv[1]), sys.argv[2] or None
seed = int(sys.argv[3]) if sys.argv[3:] else None
config = read_config(folder)
quantise(torch.ones(2, 3000).bfloat16())  # what the first operations load is not the loader's
(torch.ones(2, 3000).to(torch.uint8) & 1).max() == torch.ones(2)[torch.ones(2) > 0].bfloat16()[0]
noise = torch.empty(99).uniform_(1, 2, generator=torch.Generator().manual_seed(1)).normal_()
noise.clamp_(-1, 1).to(torch.float8_e4m3fn)
Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
before = kilobytes("VmRSS")
weights = load_weights(folder, config, torch.bfloat16, "cpu", kept, seed=seed)
held = weights_bytes(folder, config, torch.bfloat16, kept, seed)
print((kilobytes("VmHWM") - before) * 1024 / held)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from /proc")
@pytest.mark.parametrize(
    ("kept", "stored", "sizes"),
    [
        ([""], False, {"hidden_size": 8192, "vocab_size": 6001}),
        (["fp8"], False, {"hidden_size": 8192, "intermediate_size": 2714, "vocab_size": 301}),
        ([""], True, {"hidden_size": 8192, "intermediate_size": 1357, "vocab_size": 301}),
        (["", "1"], False, {"hidden_size": 8192, "vocab_size": 6001}),
        (["fp8", "1"], False, {"hidden_size": 8192, "intermediate_size": 2714, "vocab_size": 301}),
    ],
)
def test_peak_memory_is_the_weights(
    kept: list[str], stored: bool, sizes: dict[str, int], tmp_path: Path
) -> None:
    """Hundreds of MB of float32, 100 of fp8, or none, become 100 or 200: no more is ever held.

    Buffers take some ten of them, whatever the size.
    """
    make_model(tmp_path, "qwen3")
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | sizes))
    config = read_config(tmp_path)
    empty = allocate_weights(config, torch.float32, "meta")
    state = {name: torch.ones(place.shape) for name, place in places(empty, config)}
    save_file(state, tmp_path / "model.safetensors")
    if stored:
        store(tmp_path)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path, *kept],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 0.9 < float(ran.stdout) < 1.1
