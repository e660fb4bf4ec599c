"""libproxyfuse as programs meet it: installed, found by CMake, linked, and given the demo trio."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxyfuse import LLM, SamplingParams
from proxyfuse.demo import FOLDER
from tests.embed.conftest import INSTALLED, Run, build

PROMPT = "Q: 47 + 38 = ?\nA:"


@pytest.fixture(scope="module")
def llm() -> LLM:
    roles = (FOLDER / role for role in ("base", "expert", "antiexpert"))
    return LLM(*roles, device="cpu", kv_cache_bytes=1 << 25, num_threads=1)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_tokens_are_those_of_python(
    native: Path, run: Run, tmp_path: Path, llm: LLM, compiler: str
) -> None:
    tokens = build(native, run, tmp_path, compiler, "tokens") / "tokens"
    params = SamplingParams(temperature=0.9, seed=11, n=3, max_tokens=24)
    wanted = llm.generate(PROMPT, params, use_tqdm=False)[0].outputs
    done = run(tokens, PROMPT, "0.9", "11", "3")
    assert done.stderr == "", "the library prints nothing unless asked to"
    *written, nothing = done.stdout.split("\0")
    assert (len(written), nothing) == (3, "")
    for text, output in zip(written, wanted, strict=True):
        ids, _, rest = text.partition("\n")
        assert [int(word) for word in ids.split()] == output.token_ids
        assert rest == output.text


def test_the_engine_under_traffic(programs: Path, run: Run) -> None:
    run(programs / "engine_test")


def test_a_program_that_does_not_link_loads_it(native: Path, programs: Path, run: Run) -> None:
    assert run(programs / "loaded", native / "lib" / "libproxyfuse.so").stderr == ""


def test_a_missing_environment_is_told_with_what_was_tried(programs: Path) -> None:
    empty = {"PROXYFUSE_VENV": "/nowhere/at/all", "PROXYFUSE_DEMO": "x"}
    command = [programs / "tokens", PROMPT, "0", "1", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=empty)
    assert done.returncode == 1
    assert "PROXYFUSE_VENV: got /nowhere/at/all, which is no folder" in done.stderr


def test_memory_stays_where_it_was(programs: Path, run: Run) -> None:
    """A short look; docs/findings/embedding-memory.md has the long one."""
    found = json.loads(run(programs / "many", "600", "16").stdout)
    assert found["failed"] == 0
    assert found["finished"] + found["aborted"] == 600
    assert found["resident_kb"][-1] < 1.05 * found["resident_kb"][4]


def test_nothing_is_held_of_requests_that_are_over(native: Path, run: Run) -> None:
    """However they ended. The callbacks that throw are in fake/held_test.cpp."""
    rounds = 60
    script, path = INSTALLED / "leaks.py", ":".join(sys.path)
    library = native / "lib" / "libproxyfuse.so"
    grown = json.loads(run(sys.executable, script, library, FOLDER, rounds, PYTHONPATH=path).stdout)
    assert grown.pop("blocks", 0) < 5 * rounds  # a string for each text is 10 a round
    assert {name for name, more in grown.items() if more >= rounds // 2} == set()


def test_a_python_program_lends_its_interpreter(native: Path, run: Run, llm: LLM) -> None:
    params = SamplingParams(temperature=0, max_tokens=16)
    wanted = llm.generate("Q: 47 + 38 = ?", params, use_tqdm=False)[0].outputs[0].text
    host = Path(__file__).parent / "installed" / "host.py"
    path = ":".join(sys.path)
    library = native / "lib" / "libproxyfuse.so"
    assert run(sys.executable, host, library, FOLDER, PYTHONPATH=path).stdout == wanted


def test_pkg_config_is_enough_to_build_with(native: Path, run: Run, tmp_path: Path) -> None:
    if shutil.which("pkg-config") is None or shutil.which("c++") is None:
        pytest.skip("needs pkg-config and a C++ compiler")
    where = {"PKG_CONFIG_PATH": str(native / "lib" / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "proxyfuse", **where).stdout.split()
    assert "-lproxyfuse" in flags
    run("c++", "-std=c++17", INSTALLED / "tokens.cpp", "-o", tmp_path / "tokens", *flags)
    assert run(tmp_path / "tokens", PROMPT, "0", "1", "1").stdout.endswith("\0")
