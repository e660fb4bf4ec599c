"""`make gpu` on a machine without one: its bookkeeping, with programs that stand in for steps."""

from __future__ import annotations

import itertools
import json
import os
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, tzinfo
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import gpu, harness
from bench.engine import latency
from bench.engine.figures import weight_bytes
from bench.engine.options import make_parser
from bench.engine.trios import SHAPES, outline
from bench.gpu import Step, last_json, run, run_all
from bench.peers.engine import arena_bytes
from bench.peers.lineup import GROUPED, INVARIANT, MINE, MY_BASE, PLAIN, chosen
from bench.peers.peer import Setup

ROOT = Path(__file__).parents[2]


def python(name: str, program: str, limit: float = 20) -> Step:
    return Step(name, ("-c", program), limit)


GOOD = python("good", 'print(\'hello\'); print(\'{"bench": "x", "value": 3}\')')
BAD = python("bad", "print('before'); raise ValueError('broken kernel')")


def test_a_step_that_fails_loses_nothing() -> None:
    first, second, third = list(run_all((GOOD, BAD, GOOD), 60))
    assert first["record"] == third["record"] == {"bench": "x", "value": 3}
    assert (first["error"], third["error"]) == (None, None)
    assert second["error"] == "exit code 1" and second["record"] is None
    assert "broken kernel" in second["output"] and "before" in second["output"]


def test_what_one_step_builds_the_next_ones_find(tmp_path: Path) -> None:
    where = "import os, pathlib; at = pathlib.Path(os.environ['PROXYFUSE_BUILDS'], 'library');"
    first = python("builds", where + "at.touch()")
    then = python("finds", where + "assert at.exists(), at")
    assert [step["error"] for step in run_all((first, then), 60, str(tmp_path))] == [None, None]
    assert (tmp_path / "library").exists()


def test_a_step_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    child = "import subprocess, sys, time; print('up', flush=True);"
    child += "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    child += f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); time.sleep(60)"
    begin = time.monotonic()
    found = run(python("hangs", child), 1.5)
    assert time.monotonic() - begin < 10
    assert found["error"] == "not done after 2 s" and "up" in found["output"]
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    deadline = time.monotonic() + 5
    while stat.exists() and stat.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_a_step_that_takes_too_long_tells_what_it_has() -> None:
    program = """
import time
try:
    print("up", flush=True)
    time.sleep(60)
finally:
    print('{"so far": 1}')
"""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a run in the background
    try:
        found = run(python("slow", program), 6)  # seconds, in which the interpreter has started
    finally:
        signal.signal(signal.SIGINT, before)
    assert found["error"] == "not done after 6 s" and found["record"] == {"so far": 1}
    assert "KeyboardInterrupt" in found["output"]


def test_a_step_that_will_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "GRACE", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    begin = time.monotonic()
    assert run(python("deaf", deaf), 1)["error"] == "not done after 1 s"
    assert time.monotonic() - begin < 10


def test_what_the_budget_leaves_no_time_for_is_recorded() -> None:
    late = python("late", "pass")
    slow, not_begun = list(run_all((python("slow", "import time; time.sleep(30)", 1), late), 5))
    assert slow["error"] == "not done after 1 s"
    assert not_begun["error"].startswith("not begun: ")


def test_steps_fit_into_nine_minutes_even_if_all_hang() -> None:
    assert gpu.BUDGET < 9 * 60 - 15
    assert all(step.limit <= gpu.BUDGET / 2 for step in gpu.STEPS)
    whole = sum(step.limit for step in gpu.STEPS)
    assert 2.5 * gpu.BUDGET < whole <= 3 * gpu.BUDGET, "named in three calls, as its page says"


def test_three_calls_have_time_for_every_step_even_if_all_hang() -> None:
    """Each step goes to the call that has most time left, the longest first."""
    left = [float(gpu.BUDGET)] * 3
    for step in sorted(gpu.STEPS, key=lambda it: -it.limit):
        most = left.index(max(left))
        left[most] -= step.limit
    assert min(left) >= 0


def test_steps_are_chosen_by_name_and_come_in_that_order() -> None:
    names = [step.name for step in gpu.STEPS]
    assert [step.name for step in gpu.chosen([])] == names
    two = [names[5], names[0]]
    assert [step.name for step in gpu.chosen([*two, two[0]])] == two


def test_a_step_of_no_such_name_is_answered_with_all_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        gpu.main(["kernel"])
    told = capsys.readouterr().err
    assert left.value.code == 2 and "got step 'kernel'" in told
    assert all(step.name in told for step in gpu.STEPS)


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_hands_the_names_on_as_they_are_quoted() -> None:
    words = ["make", "-n", "gpu", "PYTHON=python", "STEPS=\"kernels\" 'latency of mid'"]
    own = {name: value for name, value in os.environ.items() if "MAKE" not in name}  # of one above
    told = subprocess.run(
        words, cwd=ROOT, env=own, capture_output=True, text=True, check=True
    ).stdout
    last = told.strip().splitlines()[-1]
    assert shlex.split(last)[-2:] == ["kernels", "latency of mid"]


def test_no_test_marked_gpu_lies_outside_what_is_collected() -> None:
    """A mark in a conftest is one of its whole folder."""
    mark, places = ".".join(("mark", "gpu")), [ROOT / place for place in (*gpu.MARKED, gpu.CUDA)]
    assert all(place.exists() for place in places)
    for file in (ROOT / "tests").rglob("*.py"):
        if mark in file.read_text(encoding="utf-8"):
            own = file.parent if file.name == "conftest.py" else file
            assert any(own.is_relative_to(place) for place in places), own


@pytest.mark.skipif(not find_spec("bench.engine.options"), reason="benches that know no GPU")
@pytest.mark.parametrize("step", [step for step in gpu.STEPS if "bench" in step.words[1]], ids=str)
def test_every_step_names_a_bench_and_its_options(
    step: Step, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [step.words[1], "--help"])
    monkeypatch.delitem(sys.modules, step.words[1], raising=False)  # runpy warns of a second copy
    with pytest.raises(SystemExit) as left:
        runpy.run_module(step.words[1], run_name="__main__", alter_sys=True)
    assert left.value.code == 0
    manual = capsys.readouterr().out
    assert all(word in manual for word in step.words if word.startswith("--"))


PEERS_OF = {  # of each step of latency, beside this engine
    "latency of mid": {PLAIN, MY_BASE},
    "latency of llama3-8b+1b": {PLAIN, MY_BASE},
    "latency of llama2-13b+7b": {PLAIN, MY_BASE},
    "latency of llama2-70b+7b, base in fp8": {PLAIN, MY_BASE},
    "proxies as one, of llama3-8b+1b": {PLAIN, GROUPED},
    "what exactness costs, of llama3-8b+1b": {PLAIN, INVARIANT},
    "others, of mid": {"Hugging Face loop, bfloat16", "Hugging Face base alone, bfloat16"},
    "the loop, of llama3-8b+1b": {"Hugging Face loop, bfloat16"},
    "latency of the demo": {PLAIN, MY_BASE},
    "proxies as one, of mid": {PLAIN, GROUPED},
    "latency of mid, base in fp8": {PLAIN, MY_BASE},
    "compiled others, of mid": {"Hugging Face loop, compiled", "Hugging Face base alone, compiled"},
    "the loop, of llama2-13b+7b": {"Hugging Face loop, bfloat16"},
    "compiled others, of llama3-8b+1b": {
        "Hugging Face loop, compiled",
        "Hugging Face base alone, compiled",
    },
}


def test_a_step_times_the_peers_that_it_is_there_for() -> None:
    """A pattern that matches one more would take the time of the steps that follow."""
    found = {}
    for step in gpu.STEPS:
        if latency.__name__ in step.words:
            parser = make_parser("", ["mid"], ["*"], rounds=1)
            asked, _ = parser.parse_known_args(step.words[2:])
            found[step.name] = {peer.name for peer in chosen(asked.peers, "cuda")} - {MINE}
    assert found == PEERS_OF


CARD = 150e9  # bytes of an H200, of which an engine is given nine tenths
BESIDE = 8e9  # of plain reads, of what steps write, and of what torch keeps


@pytest.mark.parametrize("step", [it for it in gpu.STEPS if latency.__name__ in it.words], ids=str)
def test_every_step_fits_the_card(step: Step, tmp_path: Path) -> None:
    """All that is open at a time, with arenas for the largest batch of its step."""
    parser = make_parser("", ["mid"], ["*"], rounds=1)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--prompts", nargs="*", type=int, default=[128])
    asked = parser.parse_args(step.words[2:])
    (name,) = asked.trio
    if name == "demo":
        return
    peers = chosen(asked.peers, "cuda", asked.base_quantization)
    folders, tokens = outline(SHAPES[name], tmp_path), max([16 + 128, *asked.prompts])
    held = {}
    for peer in peers:
        setup = Setup(
            dtype=peer.dtype,
            device="cuda",
            sequences=max(asked.batch),
            tokens=tokens,
            scratch=tmp_path,
            load_format="dummy",
        )
        own = folders.only(peer.roles)
        held[peer.name] = weight_bytes([peer], own, "dummy")[peer.name] + arena_bytes(own, setup)
    mine = held.pop(MINE)
    most = max([mine, *held.values()]) if asked.apart else mine + max(held.values())
    assert most + BESIDE < 0.9 * CARD
    assert not list(tmp_path.glob("*/*.safetensors"))


def test_one_file_and_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saves = "import os, pathlib; pathlib.Path(os.environ['PROXYFUSE_RESULTS'], 'x.json').touch()"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(harness, "machine", lambda: {"gpu": "pretended"})
    monkeypatch.setattr(gpu, "STEPS", (GOOD, python("saves", saves), BAD))
    minute = itertools.count()
    saved: list[int] = []

    def save_a_minute_later(*given: Any, path: Path | None) -> Path:
        monkeypatch.setattr(harness, "datetime", Clock(next(minute)))
        path = harness.save(*given, results=tmp_path, path=path)
        saved.append(len(json.loads(path.read_text())["steps"]))
        return path

    monkeypatch.setattr(gpu, "save", save_a_minute_later)
    with pytest.raises(SystemExit) as left:
        gpu.main([])
    assert left.value.code == 1
    assert saved == [1, 2, 3], "what was found is saved after each step"
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    record = json.loads(file.read_text())
    assert (record["bench"], record["command"]) == ("gpu", "make gpu")
    assert [step["error"] for step in record["steps"]] == [None, None, "exit code 1"]


class Clock:
    """A date whose time goes on by whole minutes."""

    def __init__(self, minute: int) -> None:
        self._minute = minute

    def now(self, zone: tzinfo) -> datetime:
        return datetime(2026, 1, 1, 0, self._minute, tzinfo=zone)


def test_a_run_of_named_steps_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(harness, "machine", lambda: {"gpu": "pretended"})
    monkeypatch.setattr(gpu, "STEPS", (BAD, GOOD))
    monkeypatch.setattr(gpu, "save", partial(harness.save, results=tmp_path))
    gpu.main(["good"])
    (file,) = tmp_path.glob("*/*-gpu.json")
    record = json.loads(file.read_text())
    assert record["command"] == "make gpu STEPS=good"
    assert [step["name"] for step in record["steps"]] == ["good"]


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as left:
        gpu.main([])
    assert left.value.code == 2
    assert "torch sees no GPU here" in capsys.readouterr().err


def test_the_last_line_counts() -> None:
    assert last_json('{"a": 1}\n{"b": 2}\n') == {"b": 2}
    assert last_json('{"a": 1}\nTraceback\n{no json') == {"a": 1}, "a failure speaks last"
    assert last_json("{no json") is None
    assert last_json("") is None
