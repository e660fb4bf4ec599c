"""A base in 8 bits: its text is that of the matrices it stands for, and moves with nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.errors import ConfigError, WeightsError
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.quantised import Quantised, quantise
from tests import hf_loop
from tests.engine.crowd import TINY, random_params, random_prompt, texts
from tests.engine.test_oracle import check
from tests.tiny import EOS, FAMILIES, make_trio

FP8: dict[str, Any] = {"base_quantization": "fp8"}
PRODUCTS = ("_proj.weight",)  # what is quantised of a checkpoint


def rounded(trio: Trio[Path], folder: Path) -> Trio[Path]:
    """The same trio, its base's products in float32 what they are in 8 bits."""
    folder.mkdir()
    for file in trio.base.iterdir():
        if file.name != "model.safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    state = {
        name: quantise(tensor).float() if name.endswith(PRODUCTS) else tensor
        for name, tensor in load_file(trio.base / "model.safetensors").items()
    }
    save_file(state, folder / "model.safetensors")
    return Trio({role: folder if role is Role.BASE else at for role, at in trio.items()})


def requests(seed: int, count: int) -> tuple[list[Prompt], list[SamplingParams]]:
    rng = random.Random(seed)
    shared = [rng.randrange(1, 293) for _ in range(15)]
    return [random_prompt(rng, shared) for _ in range(count)], [
        random_params(rng) for _ in range(count)
    ]


def assert_greedy(llm: LLM, models: hf_loop.Models, seed: str) -> None:
    """Greedy text of random prompts is Hugging Face's over these models."""
    rng = random.Random(seed)
    prompts = [[rng.randrange(1, 293) for _ in range(n)] for n in (1, 9, 33)]
    params = SamplingParams(temperature=0, max_tokens=10, alpha=0.7)
    for prompt, output in zip(prompts, llm.generate(prompts, params, use_tqdm=False), strict=True):
        lanes = Trio(dict.fromkeys(Role, prompt))
        assert output.outputs[0].token_ids == hf_loop.greedy(models, lanes, 10, 0.7, eos=EOS)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_text_is_hugging_face_s_over_what_the_base_stands_for(
    family: str, tmp_path: Path, open_llm
) -> None:
    trio = make_trio(tmp_path, family)
    models = hf_loop.load(rounded(trio, tmp_path / "rounded"))
    assert_greedy(open_llm(trio, page_size=3, **FP8), models, seed=family)


def test_a_crowd_is_written_as_by_the_engine_over_what_the_base_stands_for(
    trio, tmp_path: Path, open_llm
) -> None:
    prompts, params = requests(0, 24)
    got = open_llm(trio, **FP8).generate(prompts, params, use_tqdm=False)
    wide = open_llm(rounded(trio, tmp_path / "rounded"))
    for mine, its in zip(got, wide.generate(prompts, params, use_tqdm=False), strict=True):
        for one, other in zip(mine.outputs, its.outputs, strict=True):
            assert one.token_ids == other.token_ids
            assert one.cumulative_logprob == pytest.approx(other.cumulative_logprob, abs=1e-3)
    plain = open_llm(trio).generate(prompts, params, use_tqdm=False)
    assert [o.outputs[0].token_ids for o in plain] != [o.outputs[0].token_ids for o in got]


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_is_written_as_the_oracle_writes_it(trio, open_llm, seed: int) -> None:
    llm = open_llm(trio, **TINY, **FP8)
    asked = requests(seed, 12)
    for prompt, param, output in zip(*asked, llm.generate(*asked, use_tqdm=False), strict=True):
        check(llm, prompt, param, output)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_drafts_and_crowds_leave_the_text_alone(trio, open_llm, dtype: str) -> None:
    """Tokens and log-probabilities to the bit; the expert as base, so that drafts are kept."""
    drafted = Trio({Role.BASE: trio[Role.EXPERT], **{r: trio[r] for r in list(Role)[1:]}})
    for folders, least in ((trio, 60_000), (drafted, 35_000)):
        prompts, params = requests(3, 16)

        def write(folders=folders, asked=(prompts, params), **options: Any) -> Any:
            llm: LLM = open_llm(folders, dtype=dtype, **FP8, **options)
            outputs = llm.generate(*asked, use_tqdm=False)
            return texts(outputs), sum(one.accepted for o in outputs for one in o.outputs)

        want, _ = write(speculate=0)
        for speculate in (4, "auto"):
            found, accepted = write(speculate=speculate)
            assert found == want
            assert accepted > 0 or folders is trio or speculate == "auto"
        assert write(page_size=3, kv_cache_bytes=least, max_num_batched_tokens=9)[0] == want
        for at in range(0, 16, 5):
            asked = [prompts[at]], [params[at]]
            assert write(asked=asked, num_threads=2)[0] == want[at : at + 1]


def test_only_the_base_s_products_are_quantised(trio, open_llm) -> None:
    llm = open_llm(Trio(dict.fromkeys(Role, trio.base)), **FP8)
    decoders = llm._loaded.runner.decoders
    for role, decoder in decoders.items():
        weights = decoder.weights
        for layer in weights.layers:
            for product in (layer.qkv, layer.output, layer.gate_up, layer.down):
                assert isinstance(product, Quantised) == (role is Role.BASE)
        assert weights.head.dtype == weights.embedding.dtype == torch.float32
    assert decoders[Role.EXPERT].weights is decoders[Role.ANTIEXPERT].weights


def test_wrong_words_and_weights_are_refused(trio, tmp_path: Path, open_llm) -> None:
    with pytest.raises(ConfigError, match="base_quantization: got 'int3', want fp8, or None"):
        open_llm(trio, base_quantization="int3")
    copy = rounded(trio, tmp_path / "spoilt")
    state = load_file(copy.base / "model.safetensors")
    name = "model.layers.1.mlp.down_proj.weight"
    state[name][3, 2] = torch.inf
    save_file(state, copy.base / "model.safetensors")
    open_llm(copy).close()
    with pytest.raises(WeightsError, match=rf"model\.safetensors: {name}: got numbers that are no"):
        open_llm(copy, **FP8)
