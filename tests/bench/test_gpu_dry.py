"""The benches of `make gpu`, walked to their records on a pretended GPU, at tiny sizes."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("triton")
from bench import gpu
from bench.engine import latency
from bench.harness import save
from bench.kernels import __main__ as everything
from bench.kernels import timing
from proxyfuse.measure import ReadStream, floor, kernels, sample
from proxyfuse.runner import warmup
from proxyfuse.speculation import choice, speculator
from proxyfuse.trio import Trio
from tests.bench.pretend import OnTheHost, pretend

TINY = timing.Scope((3,), (111,), 32, 48, 4, 2, 16, 17)


def words_of(name: str) -> list[str]:
    """A step's own words, after the module's."""
    (step,) = (step for step in gpu.STEPS if step.name == name)
    return list(step.words[2:])


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (choice, speculator):
        monkeypatch.setattr(module, "LENGTHS", (1, 2))
    monkeypatch.setattr(warmup, "MOST", 2)
    monkeypatch.setattr(warmup, "PROMPTS", (1, 3))
    monkeypatch.setitem(floor.STREAMED, "cuda", 1 << 16)
    monkeypatch.setattr(sample, "SAMPLE", 1e-5)
    monkeypatch.setattr(kernels, "MOST_COPIES", 1)
    monkeypatch.setattr(timing.Scope, "of", lambda place, quick: TINY)
    monkeypatch.setattr(timing, "ReadStream", lambda device: ReadStream(device, 1 << 16))


def test_every_kernel_is_timed_beside_its_twin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pretend(monkeypatch)
    monkeypatch.setattr(timing, "save", partial(save, results=tmp_path))
    monkeypatch.setattr(sys, "argv", ["bench.kernels", *words_of("kernels"), "--rounds", "1"])
    with OnTheHost():
        timing.run({m.__name__.rpartition(".")[2]: m.cases for m in everything.MODULES}, "all")
    record = gpu.last_json(capsys.readouterr().out)
    assert record["machine"]["gpu"] == "pretended"
    for case in record["cases"]:
        assert case["implementations"]["triton"]["us"]["median"] > 0, case["op"]


@pytest.mark.parametrize(
    ("step", "peers"),
    [
        ("latency of llama3-8b+1b", ["--peers", "proxyfuse"]),
        ("proxies as one, of llama3-8b+1b", []),
    ],
)
def test_latency_is_measured_over_captured_steps(
    step: str,
    peers: list[str],
    small: Trio[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    world = pretend(monkeypatch)
    monkeypatch.setattr(latency, "save", partial(save, results=tmp_path))
    named = [word for role, at in small.items() for word in (f"--{role.label}", str(at))]
    few = ["--batch", "1", "--tokens", "5", "--prompts", "--rounds", "1", "--seconds", "0"]
    words = words_of(step)
    words = words[: words.index("--trio")]
    monkeypatch.setattr(sys, "argv", ["x", *words, *named, *few, *peers])
    with OnTheHost():
        latency.main()
    record = gpu.last_json(capsys.readouterr().out)
    assert json.loads(next(tmp_path.glob("*/*.json")).read_text()) == record
    assert world.counts["replays"] > world.counts["captures"] > 0
    joined = any(name.startswith("join") for name in world.log)
    assert joined == (not peers), "both proxies ran as one where that was to be timed"
