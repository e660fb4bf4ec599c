"""examples/cpp/stream writes what Python writes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from proxyfuse import LLM, SamplingParams
from proxyfuse.trio import Trio

PROMPT = "Once upon a time"


def test_text_is_pythons(
    examples: Path, demo: Trio[Path], options: list[str], environment: dict[str, str]
) -> None:
    llm = LLM(*demo.values(), device="cpu", num_threads=1, kv_cache_bytes=4_000_000)
    params = SamplingParams(max_tokens=24, seed=7, temperature=0.9)
    expected = llm.generate([PROMPT], params, use_tqdm=False)[0].outputs[0]
    asked = ["--prompt", PROMPT, "--max-tokens", "24", "--seed", "7", "--temperature", "0.9"]
    command = [examples / "stream", *options, *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == expected.text
    assert re.fullmatch(
        rf"\n{expected.finish_reason} after {len(expected.token_ids)} tokens, [\d.]+ tokens/s\n",
        done.stderr,
    )


def test_mistakes_end_with_a_word(
    examples: Path, options: list[str], environment: dict[str, str]
) -> None:
    def call(*words: str) -> tuple[int, str]:
        command = [examples / "stream", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.stdout == ""
        return done.returncode, done.stderr

    assert call("--what", "5")[0] == 2
    status, said = call("--max-tokens", "many")
    assert (status, "no number" in said) == (2, True)
    status, said = call(*options, "--base", "/nowhere", "--prompt", "x")
    assert (status, "/nowhere" in said) == (1, True)
