"""The benches of `make gpu`, walked to their records on a fake GPU, at tiny sizes."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("triton")
from bench import gpu
from bench.engine import latency
from bench.engine.trios import SHAPES
from bench.harness import BUILDS, save
from bench.kernels import __main__ as everything
from bench.kernels import timing
from bench.peers.lineup import GROUPED, MINE, MY_BASE, PLAIN
from proxyfuse.measure import ReadStream, floor, kernels, sample
from proxyfuse.runner import warmup
from proxyfuse.speculation import choice, speculator
from tests.bench.conftest import SMALL
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


def test_what_has_an_aim_is_timed_first() -> None:
    first = [module.__name__.rpartition(".")[2] for module in everything.MODULES[:3]]
    assert first == ["proxy_sample", "fused_head_sample", "linear"]


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
    ("step", "timed"),
    [
        ("latency of llama3-8b+1b", {MINE, PLAIN, MY_BASE}),
        ("latency of llama2-70b+7b, base in fp8", {MINE, PLAIN, MY_BASE}),
        ("proxies as one, of llama3-8b+1b", {MINE, PLAIN, GROUPED}),
        ("the loop, of llama3-8b+1b", {MINE, "Hugging Face loop, bfloat16"}),
    ],
)
def test_latency_is_measured_over_captured_steps(
    step: str,
    timed: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Weights are drawn: all that the disk has of the trio itself is a config.json for each."""
    world = pretend(monkeypatch)
    monkeypatch.setattr(latency, "save", partial(save, results=tmp_path / "results"))
    monkeypatch.setitem(SHAPES, "small", SMALL)
    monkeypatch.setenv(BUILDS, str(tmp_path))  # as the run of all steps sets it
    few = ["--batch", "1", "--tokens", "5", "--prompts", "--rounds", "1", "--seconds", "0"]
    words = [word.replace(gpu.SCRATCH, str(tmp_path)) for word in words_of(step)]
    words[words.index("--trio") + 1] = "small"
    monkeypatch.setattr(sys, "argv", ["x", *words, *few])
    with OnTheHost():
        latency.main()
    record = gpu.last_json(capsys.readouterr().out)
    assert json.loads(next(tmp_path.glob("results/*/*.json")).read_text()) == record
    its = record["trios"]["small, agreeing"]
    assert its["load_format"] == "dummy" and its["apart"] == ("--apart" in words)
    assert set(its["batches"]["1"]["share_of_floor"]) == set(its["weight_bytes"]) == timed
    assert set(its["gpu_bytes"]) == timed
    ours = {name for name in timed if name.startswith(MINE)}
    assert set(its["batches"]["1"]["host"]) == ours, "the host's time of a step"
    assert its["gate"] == dict.fromkeys(timed, "here") and (tmp_path / "passed.json").exists()
    assert set(its["batches"]["1"]["drafts"]) == ours, "what was drafted and kept"
    files = {file.name for file in tmp_path.glob("small, agreeing, drawn/*/*")}
    assert files == {"config.json"}
    assert world.counts["replays"] > world.counts["captures"] > 0
    joined = any(name.startswith("join") for name in world.log)
    assert joined == (GROUPED in timed), "both proxies ran as one where that was to be timed"
