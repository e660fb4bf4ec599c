"""`proxyfuse score` prints what `LLM.score` returns."""

import json
from pathlib import Path

import pytest

from proxyfuse import LLM, Prompt
from tests.cli.conftest import Call


def test_a_table_of_tokens_and_their_sums(run: Call, llm: LLM) -> None:
    result = run("score", "-p", "the cat", "-c", " sat on")
    want = llm.score(["the cat"], [" sat on"], use_tqdm=False)[0]
    assert result.exit_code == 0
    for number in (*want.fused, *want.base, want.total, sum(want.expert or ())):
        assert f"{number:.4f}" in result.stdout
    assert "' sat'" in result.stdout


def test_json_pairs_from_a_file(run: Call, llm: LLM, tmp_path: Path) -> None:
    records = [
        {"prompt": "the cat", "continuation": " sat"},
        {"prompt": "the cat", "expert": "the dog", "continuation": " sat on"},
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, records)))
    result = run("score", "--file", str(file), "--json", "--alpha", "0.5")
    got = [json.loads(line) for line in result.stdout.splitlines()]
    prompts = ["the cat", Prompt("the cat", expert="the dog")]
    want = llm.score(prompts, [" sat", " sat on"], alpha=0.5, use_tqdm=False)
    for record, item in zip(got, want, strict=True):
        assert record["fused"] == pytest.approx(item.fused)
        assert record["total"] == pytest.approx(item.total)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "nothing to score"),
        (("-p", "x"), "got 1 of --prompt and 0 of --continuation"),
        (("--file", "-"), "-, line 1: got {'prompt': 'x'}"),
    ],
)
def test_a_mistake_is_one_clear_line(run: Call, words: tuple[str, ...], why: str) -> None:
    result = run("score", *words, stdin='{"prompt": "x"}')
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_token_that_looks_like_markup_is_shown_as_it_is(run: Call, monkeypatch) -> None:
    monkeypatch.setattr("proxyfuse.cli.score.Tokenizer.decode", lambda *_, **__: "[/b]")
    result = run("score", "-p", "the", "-c", " cat")
    assert result.exit_code == 0
    assert "[/b]" in result.stdout
