"""What cannot be run is refused by type, says what was got and wanted, and costs nobody else."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.errors import (
    ConfigError,
    EngineError,
    MemoryBudgetError,
    NonFiniteError,
    ProxyFuseError,
    RequestError,
    TokenizerError,
    VocabularyError,
    WeightsError,
)
from proxyfuse.trio import Role, Trio
from tests.tiny import make_model

GREEDY = SamplingParams(temperature=0, max_tokens=4)

BAD_PROMPTS: dict[str, tuple[Any, str]] = {
    "no text": ("", "no tokens"),
    "no ids": (Prompt([]), "no tokens"),
    "too long": ([5] * 256, "fewer than max_model_len=256"),
    "id too large": ([5, 301], "token id 301"),
    "negative id": ([-1], "token id -1"),
    "no prompt at all": (None, "want a string"),
    "a float": ([1.5], "want a string"),
    "a bool among ids": (Prompt([1, True]), "want a string"),
    "the expert's is empty": (Prompt("cat", expert=""), "expert prompt"),
    "the antiexpert's is wild": (Prompt("cat", antiexpert=[999]), "antiexpert prompt"),
}


@pytest.mark.parametrize("case", BAD_PROMPTS)
def test_a_bad_prompt_is_refused_and_the_engine_goes_on(trio, open_llm, case: str) -> None:
    prompt, message = BAD_PROMPTS[case]
    llm = open_llm(trio)
    with pytest.raises(RequestError, match=message):
        llm.generate(["the cat", prompt], GREEDY, use_tqdm=False)
    assert llm._loaded.scheduler.idle
    assert len(llm.generate("the cat", GREEDY, use_tqdm=False)[0].outputs[0].token_ids) >= 1


BAD_PARAMS: list[tuple[dict[str, Any], str]] = [
    ({"stop_token_ids": [301]}, "stop_token_ids"),
    ({"allowed_token_ids": [0, 400]}, "allowed_token_ids"),
    ({"logit_bias": {999: 1.0}}, "logit_bias"),
    ({"allowed_token_ids": [0], "min_tokens": 1}, "min_tokens"),
    ({"allowed_token_ids": [7], "stop_token_ids": [7, 8], "min_tokens": 1}, "min_tokens"),
    ({"stop_token_ids": range(293), "allowed_token_ids": range(293), "min_tokens": 1}, "min_tok"),
    ({"stop_token_ids": range(301), "min_tokens": 1}, "every allowed token ends the text"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_PARAMS)
def test_parameters_that_this_trio_cannot_run_are_refused(trio, open_llm, fields, message) -> None:
    with pytest.raises(RequestError, match=message):
        open_llm(trio).generate("cat", SamplingParams(**fields), use_tqdm=False)


NONSENSE: list[dict[str, Any]] = [
    {name: value}
    for name in ("temperature", "top_p", "min_p", "presence_penalty", "repetition_penalty", "alpha")
    for value in (float("nan"), float("inf"), -float("inf"), "x", None if name != "alpha" else "")
] + [
    {"n": 0},
    {"n": True},
    {"temperature": -0.1},
    {"top_p": 0.0},
    {"top_p": 1.1},
    {"top_k": -2},
    {"min_p": 1.5},
    {"max_tokens": 0},
    {"min_tokens": 5, "max_tokens": 4},
    {"stop": [""]},
    {"logprobs": -1},
    {"repetition_penalty": 0.0},
    {"logit_bias": {1: float("nan")}},
    {"seed": 2**64},
    {"seed": 1.5},
    {"best_of": 2},
    {"alpha": 1e39},
    {"temperature": 1e39},
    {"logit_bias": {1: -1e39}},
]


@pytest.mark.parametrize("fields", NONSENSE, ids=str)
def test_nonsense_parameters_are_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=next(iter(fields))):
        SamplingParams(**fields)


def test_a_copy_with_other_fields_is_validated_too() -> None:
    assert replace(GREEDY, n=2) == SamplingParams(temperature=0, max_tokens=4, n=2)
    with pytest.raises(RequestError, match="n: "):
        replace(GREEDY, n=0)


def test_a_request_that_never_fits_is_refused_with_the_numbers(trio, open_llm) -> None:
    llm = open_llm(trio, page_size=4, kv_cache_bytes=20_000)
    with pytest.raises(RequestError, match=r"need \d+ KV pages, the arena has \d+"):
        llm.generate([7] * 60, GREEDY, use_tqdm=False)


def test_prompt_logprobs_want_one_prompt(trio, open_llm) -> None:
    with pytest.raises(RequestError, match="different prompts"):
        open_llm(trio).generate(
            Prompt([1, 2], expert=[3]), SamplingParams(prompt_logprobs=1), use_tqdm=False
        )


@pytest.mark.parametrize("cut", [4, 100, -10])
def test_truncated_weights_are_refused(tmp_path: Path, trio, cut: int) -> None:
    folders = copied(trio, tmp_path)
    file = folders.base / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        LLM(*folders.values(), device="cpu")


def test_a_missing_tokenizer_is_named(tmp_path: Path, trio) -> None:
    folders = copied(trio, tmp_path)
    for file in folders[Role.EXPERT].glob("tokenizer*"):
        file.unlink()
    with pytest.raises(TokenizerError, match="expert"):
        LLM(*folders.values(), device="cpu")


def test_tokenizers_that_disagree_are_refused_with_the_ids(tmp_path: Path, trio) -> None:
    folders = copied(trio, tmp_path)
    file = folders[Role.EXPERT] / "tokenizer.json"
    file.write_text(file.read_text().replace('"</s>"', '"<end>"'))
    with pytest.raises(VocabularyError, match="id 0: base '</s>', expert '<end>'"):
        LLM(*folders.values(), device="cpu")


def test_what_does_not_fit_is_said_before_loading(trio, monkeypatch) -> None:
    monkeypatch.setattr("proxyfuse.engine.load.free_bytes", lambda *_: 100_000)
    reads = "proxyfuse.engine.checkpoints.load_weights"
    monkeypatch.setattr(reads, lambda *_: pytest.fail("loaded"))
    with pytest.raises(MemoryBudgetError, match=r"weights need .* MiB .*base .* free are"):
        LLM(*trio.values(), device="cpu")


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": float("nan")},
        {"alpha": "x"},
        {"alpha": None},
        {"alpha": 10**400},
        {"gpu_memory_utilization": "x"},
        {"enable_prefix_caching": "no"},
        {"device": None},
        {"num_threads": 10**6},
        {"max_num_seqs": 10**9},
        {"max_num_batched_tokens": 10**12},
        {"max_model_len": 1},
        {"chat_templates": ["plain"]},
        {"chat_templates": {"expert": "plain"}},
        {"chat_templates": {Role.EXPERT: 5}},
        {"dtype": "int8"},
        {"device": "tpu"},
        {"max_model_len": 257},
        {"max_num_seqs": 0},
        {"kv_cache_bytes": 10},
        {"speculate": -1},
        {"colour": "red"},
    ],
    ids=str,
)
def test_bad_options_are_refused_by_name(trio, options: dict[str, Any]) -> None:
    with pytest.raises(ProxyFuseError, match=next(iter(options))):
        LLM(*trio.values(), **{"device": "cpu", **options})


def test_a_proxy_without_the_other_is_refused(trio) -> None:
    with pytest.raises(ConfigError, match="want both or none"):
        LLM(trio.base, expert=trio[Role.EXPERT])


@pytest.mark.parametrize(
    "name", [None, 5, b"/tmp", "~nobody-at-all/x", "x" * 5000, "/" + "x" * 5000]
)
def test_a_name_of_no_model_is_refused(name: Any) -> None:
    with pytest.raises(ProxyFuseError, match="folder"):
        LLM(name, device="cpu")


def test_requests_of_the_wrong_type_are_refused(trio, open_llm) -> None:
    llm = open_llm(trio)
    wrong: list[tuple[str, Any]] = [
        ("stream", ([],)),
        ("stream", (["the cat", "the dog"],)),
        ("stream", ("the cat", {"n": 1})),
        ("chat", (None,)),
        ("chat", ([5],)),
        ("chat", ({"role": "user", "content": "hello"},)),
        ("chat", ([[{"role": "user", "content": "hello"}], None],)),
        ("score", (["the cat"], None)),
        ("score", (["the cat"], [None])),
        ("score", ("the cat", "sat")),
        ("abort", ([1],)),
    ]
    for method, given in wrong:
        with pytest.raises(RequestError, match="got"):
            getattr(llm, method)(*given)


def test_a_closed_engine_says_so(trio, open_llm) -> None:
    llm = open_llm(trio)
    llm.close()
    with pytest.raises(EngineError, match="closed"):
        llm.generate("cat", GREEDY, use_tqdm=False)


def test_a_logit_that_is_not_finite_fails_its_request_alone(tmp_path: Path, open_llm) -> None:
    """Token 9 of the base embeds to NaN: only those who read it suffer."""
    make_model(tmp_path / "base", tie_word_embeddings=False)
    file = tmp_path / "base" / "model.safetensors"
    weights = load_file(file)
    weights["model.embed_tokens.weight"][9] = torch.nan
    save_file(weights, file, metadata={"format": "pt"})
    llm = open_llm(Trio({Role.BASE: tmp_path / "base"}))
    rng = random.Random(1)
    good = [[rng.randrange(10, 293) for _ in range(6)] for _ in range(3)]
    params = SamplingParams(temperature=0, max_tokens=3, logit_bias={9: -100.0})
    alone = [llm.generate(ids, params, use_tqdm=False)[0].outputs[0] for ids in good]
    outputs = llm.generate([good[0], [9, 20], good[1], [20, 9], good[2]], params, use_tqdm=False)
    reasons = [output.outputs[0].finish_reason for output in outputs]
    assert reasons[1] == reasons[3] == "error"
    assert outputs[1].outputs[0].error_kind == NonFiniteError.kind
    for want, at in zip(alone, (0, 2, 4), strict=True):
        assert outputs[at].outputs[0].token_ids == want.token_ids
    with pytest.raises(NonFiniteError):
        llm.score([[9, 20]], [[3, 4]], use_tqdm=False)


def copied(trio: Trio[Path], to: Path) -> Trio[Path]:
    for role, folder in trio.items():
        shutil.copytree(folder, to / role.label)
    return Trio({role: to / role.label for role in trio})
