"""Checkpoints in fp8: the file's own bytes and scales, and the logits that Hugging Face gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from proxyfuse.errors import WeightsError
from proxyfuse.models.config import read_config
from proxyfuse.models.loading import load_weights, weights_bytes
from proxyfuse.models.reference import next_logits
from proxyfuse.models.weights import places
from proxyfuse_kernels.quantised import Quantised
from tests.models.test_decoder import decode, texts
from tests.stored_fp8 import AUTOFP8, State, compressed, meaning, say, store, weights_of
from tests.tiny import FAMILIES, make_model

LAYER = "model.layers.1."
Q, K, DOWN = (
    f"{LAYER}{name}.weight" for name in ("self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj")
)
FIRSTS = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj")
FUSED = {
    "self_attn.q_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "mlp.gate_proj": ("mlp.gate_proj", "mlp.up_proj"),
}


def bits(tensor: Tensor) -> Tensor:
    return tensor.contiguous().view(torch.uint8)


def same(place: Tensor | Quantised, name: str, state: State, dtype: torch.dtype) -> bool:
    """Whether a place holds a file's tensor: to the bit, or in 16 bits and more rounded once."""
    if not isinstance(place, Quantised):
        return torch.equal(place, state[name].to(dtype))
    scales = state[f"{name}_scale"].float().reshape(-1).expand(len(place))
    return torch.equal(bits(place.values), bits(state[name])) and torch.equal(place.scales, scales)


@torch.inference_mode()
@pytest.mark.parametrize("strategy", ["channel", "tensor"])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_hugging_face_s_over_what_is_stored(
    family: str, strategy: str, tmp_path: Path
) -> None:
    folder = tmp_path / "stored"
    make_model(folder, family)
    plain = decode(folder, torch.float32, chunk=6)
    meant = meaning(folder, store(folder, strategy), tmp_path / "meant")
    model = AutoModelForCausalLM.from_pretrained(meant, dtype=torch.float32).eval()
    config = read_config(folder)
    weights = load_weights(folder, config, torch.float32)
    paged = decode(folder, torch.float32, chunk=6)
    for ids, got, unrounded in zip(texts(301), paged, plain, strict=True):
        want = model(ids[None]).logits[0]
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
        dense = next_logits(config, weights, ids.tolist())
        torch.testing.assert_close(dense, want[-1], rtol=1e-4, atol=1e-4)
        assert (unrounded - want).abs().max() > 1e-2  # the rounding is at stake


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("strategy", ["channel", "tensor"])
def test_fused_products_are_the_file_s_matrices_one_after_another(
    strategy: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    make_model(tmp_path, "llama-biased", dtype=torch.bfloat16)
    store(tmp_path, strategy)
    config = read_config(tmp_path)
    state, weights = (
        load_file(tmp_path / "model.safetensors"),
        load_weights(tmp_path, config, dtype),
    )
    for i, layer in enumerate(weights.layers):
        products = zip(FIRSTS, (layer.qkv, layer.output, layer.gate_up, layer.down), strict=True)
        for first, product in products:
            assert isinstance(product, Quantised)
            names = [f"model.layers.{i}.{part}.weight" for part in FUSED.get(first, (first,))]
            values = [bits(state[name]) for name in names]
            scales = [state[f"{name}_scale"].float().expand(len(state[name]), 1) for name in names]
            assert torch.equal(bits(product.values), torch.cat(values))
            assert torch.equal(product.scales, torch.cat(scales).view(-1))
    assert weights.head.dtype == weights.embedding.dtype == dtype


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_finite_bytes_and_scales_arrive_as_they_are(data: st.DataObject) -> None:
    """Whichever products are in fp8, in pieces of whatever size; and the memory is foretold."""
    kept = data.draw(st.sets(st.sampled_from(FIRSTS), max_size=3))
    scales = data.draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
    strategy = data.draw(st.sampled_from(["channel", "tensor"]))
    dtype = data.draw(st.sampled_from([torch.float32, torch.bfloat16]))
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxyfuse.models.safetensors_file.PIECE", data.draw(st.integers(1, 3000)))
        patch.setattr("proxyfuse.models.fp8_file.STRIPE", data.draw(st.integers(1, 3000)))
        folder = Path(name)
        make_model(folder, num_hidden_layers=2)
        wide = [f"{LAYER}{part}.weight" for first in kept for part in FUSED.get(first, (first,))]
        store(folder, strategy, wide=wide, scales=scales)
        state = {n: t.clone() for n, t in load_file(folder / "model.safetensors").items()}
        for tensor in state.values():
            if tensor.dtype == torch.float8_e4m3fn:
                drawn = torch.randint(256, tensor.shape, generator=random, dtype=torch.uint8)
                drawn[(drawn & 0x7F) == 0x7F] = 0x80  # no NaN, but minus zero
                tensor.copy_(drawn.view(torch.float8_e4m3fn))
        save_file(state, folder / "model.safetensors")
        config = read_config(folder)
        held = list(places(load_weights(folder, config, dtype), config))
        assert all(same(place, name, state, dtype) for name, place in held)
        narrow = {name for name, place in held if isinstance(place, Quantised)}
        assert narrow == {n for n, t in state.items() if t.dtype == torch.float8_e4m3fn}
        assert len(narrow) == 14 - len(wide)
        assert weights_bytes(folder, config, dtype) == sum(place.nbytes for _, place in held)


def test_pickles_and_an_option_that_has_nothing_to_do(tmp_path: Path) -> None:
    make_model(tmp_path)
    store(tmp_path, wide=[DOWN])
    state = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pytorch_model.bin")
    config = read_config(tmp_path)
    loaded = load_weights(tmp_path, config, torch.float32, quantization="fp8")
    assert all(same(place, name, state, torch.float32) for name, place in places(loaded, config))
    assert not isinstance(loaded.layers[1].down, Quantised)


def test_scales_of_activations_and_caches_are_passed_over(tmp_path: Path) -> None:
    make_model(tmp_path)
    store(tmp_path, "tensor", said=AUTOFP8)
    state = load_file(tmp_path / "model.safetensors")
    more = {f"{LAYER}mlp.down_proj.input_scale": torch.tensor(0.5)}
    more |= {f"{LAYER}self_attn.{x}_scale": torch.tensor([0.5]) for x in "kv"}
    scalars = {n: t.reshape(()) for n, t in state.items() if n.endswith("weight_scale")}
    save_file(state | scalars | more, tmp_path / "model.safetensors")
    config = read_config(tmp_path)
    loaded = load_weights(tmp_path, config, torch.float32)
    assert all(same(place, name, state, torch.float32) for name, place in places(loaded, config))


Spoil = Callable[[State], None]


def put(name: str, change: Callable[[Tensor], Tensor]) -> Spoil:
    """Replaces a tensor."""

    def spoil(state: State) -> None:
        state[name] = change(state[name]).contiguous()

    return spoil


def fill(name: str, value: float) -> Spoil:
    """Puts a value into the last place of a tensor."""

    def spoil(state: State) -> None:
        wide = state[name].float()
        wide.view(-1)[-1] = value
        state[name] = wide.to(state[name].dtype)

    return spoil


def lose(*names: str) -> Spoil:
    """Takes tensors out."""

    def spoil(state: State) -> None:
        for name in names:
            del state[name]

    return spoil


def narrow_head(state: State) -> None:
    state["lm_head.weight_scale"] = torch.ones(301, 1)
    state["lm_head.weight"] = state["lm_head.weight"].to(torch.float8_e4m3fn)


def zero_point(state: State) -> None:
    state[f"{DOWN}_zero_point"] = torch.zeros(24, 1)


def widen_all(state: State) -> None:
    for name in [name for name in state if name.endswith("weight_scale")]:
        del state[name]
    state.update({n: t.float() for n, t in state.items() if t.dtype == torch.float8_e4m3fn})


SCALE = rf"model\.safetensors: {DOWN}_scale: "


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lose(f"{DOWN}_scale"), rf"missing {DOWN}_scale$"),
        (lose(DOWN), rf"missing {DOWN}$"),
        (put(f"{DOWN}_scale", lambda t: t.T), SCALE + r"got shape \(1, 24\), want \(24, 1\)$"),
        (put(f"{DOWN}_scale", lambda t: t[:1, 0]), SCALE + r"got shape \(1,\), want \(24, 1\)$"),
        (put(f"{DOWN}_scale", lambda t: t[1:]), SCALE + r"got shape \(23, 1\), want"),
        (put(f"{DOWN}_scale", lambda t: t.double()), SCALE + r"got torch\.float64, want a type"),
        (put(f"{DOWN}_scale", lambda t: t.to(torch.float8_e4m3fn)), SCALE + "got torch.float8_e4"),
        (fill(f"{DOWN}_scale", torch.nan), SCALE + "got a scale of nan, want finite ones above 0"),
        (fill(f"{DOWN}_scale", torch.inf), SCALE + "got a scale of inf"),
        (fill(f"{DOWN}_scale", 0.0), SCALE + "got a scale of 0"),
        (fill(f"{DOWN}_scale", -0.25), SCALE + r"got a scale of -0\.25"),
        (fill(DOWN, torch.nan), rf"model\.safetensors: {DOWN}: got NaN, want finite weights"),
        (put(DOWN, lambda t: t.T), rf"{DOWN}: got shape \(37, 24\), want \(24, 37\)"),
        (put(DOWN, lambda t: t.float().to(torch.float8_e5m2)), f"{DOWN}: got the type F8_E5M2"),
        (put(DOWN, lambda t: t.float()), rf"has no place for {DOWN}_scale"),
        (
            put(Q, lambda t: t.float()),
            rf"{K}: got torch\.float8_e4m3fn, want float32 or 16 bits; q",
        ),
        (put(K, lambda t: t.float()), rf"{K}: got torch\.float32, want torch\.float8_e4m3fn; q, k"),
        (narrow_head, r"lm_head\.weight: got torch\.float8_e4m3fn, want float32 or 16 bits$"),
        (
            put("model.norm.weight", lambda t: t.to(torch.float8_e4m3fn)),
            r"model\.norm\.weight: got torch\.float8_e4m3fn, want float32 or 16 bits$",
        ),
        (zero_point, rf"has no place for {DOWN}_zero_point"),
        (widen_all, r"got none in torch\.float8_e4m3fn, but config\.json's quantization_config"),
    ],
)
def test_what_is_not_as_it_must_be_is_refused(spoil: Spoil, message: str, tmp_path: Path) -> None:
    make_model(tmp_path)
    store(tmp_path, scales=torch.float32)
    state = {n: t.clone() for n, t in load_file(tmp_path / "model.safetensors").items()}
    spoil(state)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        load_weights(tmp_path, read_config(tmp_path), torch.float32)


def test_scales_are_of_the_kind_that_the_configuration_names(tmp_path: Path) -> None:
    make_model(tmp_path)
    store(tmp_path, "channel", said=AUTOFP8)
    with pytest.raises(WeightsError, match=r"_scale: got shape \(40, 1\), want \(1,\) or \(\)$"):
        weights_bytes(tmp_path, read_config(tmp_path), torch.float32)
    say(tmp_path, compressed(weights_of("tensor"), weights_of("channel")))
    load_weights(tmp_path, read_config(tmp_path), torch.float32)


def test_fp8_of_which_the_configuration_says_nothing_is_refused(tmp_path: Path) -> None:
    make_model(tmp_path)
    config = read_config(tmp_path)
    store(tmp_path)
    for quantization in (None, "fp8"):
        with pytest.raises(WeightsError, match=r"but config\.json has no quantization_config"):
            load_weights(tmp_path, config, torch.float32, quantization=quantization)
