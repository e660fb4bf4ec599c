"""`proxyfuse bench` checks before it times, and counts the bytes of a floor rightly."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from proxyfuse import LLM, Score
from proxyfuse.cli import timing
from proxyfuse.cli.fit import examine
from proxyfuse.cli.timing import Timing
from proxyfuse.trio import Role, Trio
from tests.cli.conftest import Call
from tests.tiny import make_model

SMALL = ("--batch", "2", "--prompt-tokens", "5", "--tokens", "4", "--repeats", "1")


@pytest.fixture(autouse=True)
def small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "COPIED", 1 << 16)


def test_a_table_for_people(run: Call) -> None:
    result = run("bench", *SMALL)
    assert result.exit_code == 0
    assert "base alone" in result.stdout
    assert "times the base alone" in result.stdout


def test_a_record_for_machines(run: Call) -> None:
    record = json.loads(run("bench", *SMALL, "--json").stdout)
    assert (record["batch"], record["tokens"]) == (2, 4)
    assert record["steered"]["floor_ms"] > record["base_alone"]["floor_ms"] > 0


def test_the_floor_counts_what_a_step_reads(trio: Trio[Path], tmp_path: Path) -> None:
    make_model(tmp_path, "llama3")  # its head is its embedding
    names = {role: str(folder) for role, folder in trio.items()} | {Role.BASE: str(tmp_path)}
    want = 0
    for name in names.values():
        model = AutoModelForCausalLM.from_pretrained(name)
        tied = model.config.tie_word_embeddings
        lookup = 0 if tied else model.get_input_embeddings().weight.numel()
        want += 4 * (model.num_parameters() - lookup)
    assert timing.streamed(examine(names, None, "auto"), tuple(Role)) == want


def test_red_is_not_timed(run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(
        self: LLM, prompts: list[Any], continuations: list[list[int]], **_: object
    ) -> list[Score]:
        return [Score(token_ids=ids, fused=[-99.0] * len(ids), base=[]) for ids in continuations]

    monkeypatch.setattr(LLM, "score", wrong)
    result = run("bench", *SMALL)
    assert result.exit_code == 2
    assert "nats apart when read back" in result.stderr
    assert result.stdout == ""


def test_a_median_is_quoted() -> None:
    assert Timing("base alone", [3.0, 1.0, 2.0], 0.5).median == 2.0
