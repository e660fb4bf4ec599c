"""A trio whose checkpoints are in fp8 already: any of the three, with no option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.quantised import Quantised
from tests import hf_loop
from tests.engine.crowd import TINY, texts
from tests.engine.test_fp8 import assert_greedy, requests
from tests.engine.test_oracle import check
from tests.stored_fp8 import AUTOFP8, meaning, store
from tests.tiny import make_trio

LEFT_WIDE = ("model.layers.0.mlp.down_proj.weight", "model.layers.1.self_attn.o_proj.weight")


@pytest.mark.parametrize("roles", [(Role.BASE,), tuple(Role)])
@pytest.mark.parametrize("family", ["llama-biased", "qwen3"])
def test_greedy_text_is_hugging_face_s_over_what_is_stored(
    family: str, roles: tuple[Role, ...], tmp_path: Path, open_llm
) -> None:
    trio = make_trio(tmp_path, family)
    plain = dict(trio.items())
    for role in roles:
        if role is Role.BASE:
            meant = store(trio[role], wide=LEFT_WIDE)
        else:
            meant = store(trio[role], "tensor", said=AUTOFP8)
        plain[role] = meaning(trio[role], meant, tmp_path / f"meant-{role.label}")
    models = hf_loop.load(Trio(plain))
    assert_greedy(open_llm(trio, page_size=3), models, seed=family)


@pytest.fixture
def stored(tmp_path: Path) -> Trio[Path]:
    """A trio in fp8 but for two matrices of its base."""
    trio = make_trio(tmp_path)
    for role, folder in trio.items():
        store(folder, "channel" if role is Role.BASE else "tensor", wide=LEFT_WIDE)
    return trio


def test_a_crowd_is_written_as_the_oracle_writes_it(stored, open_llm) -> None:
    llm = open_llm(stored, **TINY)
    asked = requests(1, 12)
    for prompt, param, output in zip(*asked, llm.generate(*asked, use_tqdm=False), strict=True):
        check(llm, prompt, param, output)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_neither_drafts_nor_the_option_change_the_text(stored, open_llm, dtype: str) -> None:
    asked = requests(3, 12)

    def write(**options: Any) -> list[Any]:
        llm = open_llm(stored, dtype=dtype, **options)
        return texts(llm.generate(*asked, use_tqdm=False))

    want = write(speculate=0)
    assert write(speculate=4) == want
    assert write(speculate=0, base_quantization="fp8") == want


def test_one_folder_is_loaded_once_with_the_option_or_without(stored, open_llm) -> None:
    folders = Trio(dict.fromkeys(Role, stored.base))
    for options in ({}, {"base_quantization": "fp8"}):
        decoders = open_llm(folders, **options)._loaded.runner.decoders
        base = decoders.base.weights
        assert all(decoder.weights is base for decoder in decoders.values())
        narrow = [isinstance(layer.down, Quantised) for layer in base.layers]
        assert narrow == [False, True, True]
