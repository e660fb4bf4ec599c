"""Workloads: the same from a seed, of the stated means, and read back as they were written."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.engine.workload import MEAN_OUTPUT, MEAN_PROMPT, draw, read


def test_lengths_have_the_means_and_the_tail_of_a_log_normal() -> None:
    drawn = draw(20_000, seed=1)
    prompts = [one.prompt_tokens for one in drawn]
    outputs = [one.output_tokens for one in drawn]
    # The mean's standard error is sqrt(e - 1) / sqrt(20000) = 0.9 % of it.
    assert statistics.mean(prompts) == pytest.approx(MEAN_PROMPT, rel=0.04)
    assert statistics.mean(outputs) == pytest.approx(MEAN_OUTPUT, rel=0.04)
    assert statistics.median(outputs) == pytest.approx(MEAN_OUTPUT / 1.6487, rel=0.05)  # e^(1/2)


def test_a_seed_a_scale_and_a_cut() -> None:
    assert draw(50, seed=2) == draw(50, seed=2) != draw(50, seed=3)
    cut = draw(500, seed=2, scale=0.1, longest=20)
    lengths = [length for one in cut for length in (one.prompt_tokens, one.output_tokens)]
    assert min(lengths) >= 1 and max(lengths) == 20


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    drawn = draw(9, seed=4)
    file = tmp_path / "workload.jsonl"
    file.write_text("\n".join(json.dumps(asdict(one)) for one in drawn))
    assert read(file) == drawn


@pytest.mark.parametrize("line", ["{", "[1, 2]", '{"prompt_tokens": 3}', "", "7"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "workload.jsonl"
    file.write_text('{"prompt_tokens": 3, "output_tokens": 4}\n' + line + "\n")
    with pytest.raises(ValueError, match="line 2: got"):
        read(file)


def test_a_request_that_writes_nothing_is_none(tmp_path: Path) -> None:
    file = tmp_path / "workload.jsonl"
    file.write_text('{"prompt_tokens": 3, "output_tokens": 0}')
    with pytest.raises(ValueError, match="line 1"):
        read(file)
