"""Greedy text against three Hugging Face models run the slow way, token for token."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from proxyfuse import Prompt, SamplingParams
from proxyfuse.trio import Role, Trio
from tests import hf_loop
from tests.tiny import EOS, FAMILIES, make_trio

BARELY = 43_000  # bytes: the longest prompt of the crowd just fits alone
ALPHAS = (-0.5, 0.0, 0.3, 1.0, 1.7)


def random_ids(rng: random.Random, length: int) -> list[int]:
    return [rng.randrange(1, 293) for _ in range(length)]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_writes_what_hugging_face_writes(tmp_path: Path, family: str, open_llm) -> None:
    folders = make_trio(tmp_path, family)
    models = hf_loop.load(folders)
    rng = random.Random(family)
    llm = open_llm(folders, page_size=3)
    prompts = [Prompt(*(random_ids(rng, rng.choice([1, 2, 9, 33])) for _ in Role)) for _ in ALPHAS]
    params = [SamplingParams(temperature=0, max_tokens=12, alpha=alpha) for alpha in ALPHAS]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    for prompt, alpha, output in zip(prompts, ALPHAS, outputs, strict=True):
        lanes = Trio({role: prompt.of(role) for role in Role})
        want = hf_loop.greedy(models, lanes, 12, alpha, eos=EOS)
        assert output.outputs[0].token_ids == want, f"alpha {alpha}"


@pytest.mark.parametrize("crowd", [1, 64])
@pytest.mark.parametrize("memory", ["ample", "barely enough"])
def test_a_crowd_writes_what_hugging_face_writes(trio, open_llm, crowd: int, memory: str) -> None:
    models = hf_loop.load(trio)
    rng = random.Random(crowd)
    llm = open_llm(
        trio,
        page_size=4,
        max_num_seqs=crowd,
        max_num_batched_tokens=48,
        kv_cache_bytes=1 << 21 if memory == "ample" else BARELY,
    )
    prompts = [random_ids(rng, rng.randrange(1, 40)) for _ in range(crowd)]
    alphas = [rng.choice(ALPHAS) for _ in prompts]
    params = [SamplingParams(temperature=0, max_tokens=8, alpha=alpha) for alpha in alphas]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    for at in range(0, crowd, max(1, crowd // 8)):
        lanes = Trio(dict.fromkeys(Role, prompts[at]))
        want = hf_loop.greedy(models, lanes, 8, alphas[at], eos=EOS)
        assert outputs[at].outputs[0].token_ids == want


def test_the_base_alone_writes_what_hugging_face_writes(trio, open_llm) -> None:
    folders = trio.only((Role.BASE,))
    models = hf_loop.load(folders)
    llm = open_llm(folders)
    ids = random_ids(random.Random(5), 17)
    output = llm.generate(ids, SamplingParams(temperature=0, max_tokens=20), use_tqdm=False)[0]
    assert output.outputs[0].token_ids == hf_loop.greedy(
        models, Trio({Role.BASE: ids}), 20, 0.0, eos=EOS
    )


def test_without_compiled_kernels_the_text_is_the_same(trio, open_llm, monkeypatch) -> None:
    ids = random_ids(random.Random(6), 9)
    params = SamplingParams(temperature=0.8, seed=1, max_tokens=10)
    want = open_llm(trio).generate(ids, params, use_tqdm=False)[0].outputs[0]
    monkeypatch.setattr("proxyfuse_kernels.cpu.available", lambda: False)
    with pytest.warns(RuntimeWarning, match="without its compiled CPU kernels"):
        plain = open_llm(trio)
    assert plain.generate(ids, params, use_tqdm=False)[0].outputs[0].token_ids == want.token_ids
