"""`proxyfuse generate` writes what `LLM` writes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.trio import Trio
from tests.cli.conftest import Call

PARAMS = SamplingParams(temperature=0.7, seed=5, max_tokens=12)
WORDS = ("--temperature", "0.7", "--seed", "5", "--max-tokens", "12")


def written(llm: LLM, *prompts: Prompt | str, **changes: Any) -> list[list[str]]:
    """The texts by the Python class."""
    params = replace(PARAMS, **changes)
    outputs = llm.generate(list(prompts), params, use_tqdm=False)
    return [[one.text for one in output.outputs] for output in outputs]


def test_one_prompt_is_streamed_as_plain_text(run: Call, llm: LLM) -> None:
    result = run("generate", "-p", "the cat", *WORDS)
    assert result.exit_code == 0
    assert result.stdout == written(llm, "the cat")[0][0] + "\n"


def test_a_prompt_comes_from_standard_input_or_a_file(run: Call, llm: LLM, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("the dog\nsat")
    want = written(llm, "the dog\nsat")[0][0] + "\n"
    assert run("generate", "-p", "-", *WORDS, stdin="the dog\nsat").stdout == want
    assert run("generate", "--prompt-file", str(tmp_path / "prompt.txt"), *WORDS).stdout == want


def test_many_prompts_are_numbered(run: Call, llm: LLM) -> None:
    result = run("generate", "-p", "the cat", "-p", "rain", "-n", "2", *WORDS)
    texts = written(llm, "the cat", "rain", n=2)
    assert texts[0][0] != texts[0][1]
    assert result.stdout == "".join(
        f"[{i}.{j}] {text}\n"
        for i, pair in enumerate(texts, start=1)
        for j, text in enumerate(pair, start=1)
    )


def test_json_has_the_fields_of_an_output(run: Call, llm: LLM) -> None:
    result = run("generate", "-p", "the cat", "-p", "rain", "--json", "--logprobs", "2", *WORDS)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    params = replace(PARAMS, logprobs=2)
    outputs = llm.generate(["the cat", "rain"], params, use_tqdm=False)
    assert len(records) == 2
    for record, output in zip(records, outputs, strict=True):
        got, want = record["outputs"][0], output.outputs[0]
        assert (got["text"], got["token_ids"]) == (want.text, want.token_ids)
        assert got["finish_reason"] == want.finish_reason
        first = got["logprobs"][0][str(want.token_ids[0])]
        assert first["expert"] == pytest.approx(want.logprobs[0][want.token_ids[0]].expert)


def test_roles_may_read_different_prompts(run: Call, llm: LLM, tmp_path: Path) -> None:
    prompt = Prompt("the cat", expert="the dog", antiexpert="rain")
    want = written(llm, prompt)[0][0] + "\n"
    apart = ("--expert-prompt", "the dog", "--antiexpert-prompt", "rain")
    assert run("generate", "-p", "the cat", *apart, *WORDS).stdout == want
    record = {"prompt": "the cat", "expert": "the dog", "antiexpert": "rain"}
    (tmp_path / "one.jsonl").write_text(json.dumps(record))
    assert run("generate", "--prompt-file", str(tmp_path / "one.jsonl"), *WORDS).stdout == want
    assert want != written(llm, "the cat")[0][0] + "\n"


def test_the_base_runs_alone(call: Call, trio: Trio[Path]) -> None:
    alone = LLM(trio.base, device="cpu", kv_cache_bytes=1_000_000, num_threads=1)
    want = written(alone, "the cat")[0][0] + "\n"
    alone.close()
    assert call("generate", "--base", str(trio.base), "-p", "the cat", *WORDS).stdout == want


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("--alpha", "0.5"), "alpha", 0.5),
        (("--top-p", "0.9"), "top_p", 0.9),
        (("--top-k", "3"), "top_k", 3),
        (("--min-p", "0.1"), "min_p", 0.1),
        (("--min-tokens", "3"), "min_tokens", 3),
        (("--max-tokens", "0"), "max_tokens", None),
        (("--stop", "a", "--stop", "b"), "stop", ("a", "b")),
        (("--stop-token-id", "7"), "stop_token_ids", (7,)),
        (("--include-stop",), "include_stop_str_in_output", True),
        (("--ignore-eos",), "ignore_eos", True),
        (("--show-special",), "skip_special_tokens", False),
        (("--presence-penalty", "1"), "presence_penalty", 1.0),
        (("--frequency-penalty", "1"), "frequency_penalty", 1.0),
        (("--repetition-penalty", "2"), "repetition_penalty", 2.0),
        (("--logit-bias", "4=-1.5", "--logit-bias", "5=2"), "logit_bias", {4: -1.5, 5: 2.0}),
        (("--allowed-token-id", "4"), "allowed_token_ids", (4,)),
        (("-n", "3"), "n", 3),
        (("--logprobs", "2"), "logprobs", 2),
        (("--prompt-logprobs", "2"), "prompt_logprobs", 2),
        (("--seed", "9"), "seed", 9),
        (("--temperature", "0"), "temperature", 0.0),
    ],
)
def test_every_option_reaches_the_engine(
    run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], field: str, value: Any
) -> None:
    seen: list[SamplingParams] = []

    def refuse(self: LLM, prompt: object, params: SamplingParams, **_: object) -> list[object]:
        seen.append(params)
        return []

    monkeypatch.setattr(LLM, "generate", refuse)
    assert run("generate", "-p", "x", "--json", *words).exit_code == 0
    assert seen == [replace(SamplingParams(max_tokens=512), **{field: value})]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "got no prompt"),
        (("-p", "x", "--temperature", "-1"), "temperature: "),
        (("-p", "x", "--expert-prompt", "a", "--expert-prompt", "b"), "got 2 for 1 of --prompt"),
        (("--prompt-file", "nowhere.txt"), "nowhere.txt: got "),
        (("--prompt-file", "-"), "line 1: got no JSON"),
        (("-p", "x", "--stop", ""), "stop: got an empty string"),
        (("-p", "x", "--dtype", "int3"), "dtype: got 'int3', want one of"),
    ],
)
def test_a_mistake_is_one_clear_line(run: Call, words: tuple[str, ...], why: str) -> None:
    result = run("generate", *words, stdin="{no json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("proxyfuse: ")
    assert why in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("--logit-bias", "x=y"), ("--speculate", "few"), ("--nope",)])
def test_a_malformed_option_is_refused_by_name(run: Call, words: tuple[str, ...]) -> None:
    result = run("generate", "-p", "x", *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_line_of_jsonl_ends_at_a_line_feed_alone(run: Call, llm: LLM) -> None:
    text = "the\u2028cat\x85sat"
    result = run(
        "generate", "--prompt-file", "-", *WORDS, stdin=json.dumps(text, ensure_ascii=False)
    )
    assert result.stdout == written(llm, text)[0][0] + "\n"


@pytest.mark.parametrize("words", [("--prompt-file", "-"), ("-p", "-")])
@pytest.mark.parametrize("stdin", ["[" * 200_000, b"\xff"])
def test_standard_input_that_cannot_be_read_is_one_clear_line(run: Call, words, stdin) -> None:
    result = run("generate", *words, stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("proxyfuse: ")
    assert result.stderr.count("\n") == 1
