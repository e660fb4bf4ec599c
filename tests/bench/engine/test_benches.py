"""Each bench from its arguments to its record, over a trio that is done in a moment."""

from __future__ import annotations

import itertools
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bench import harness
from bench.engine import latency, memory, options, quantised, scaling, throughput
from bench.engine.case import Case
from bench.engine.contest import Columns, Contest, Interrupted
from bench.engine.gate import Gate
from bench.engine.options import make_parser, materials
from bench.engine.reads import Reader
from bench.engine.scaling import Point
from bench.engine.trios import SHAPES, SOFT
from bench.peers.lineup import MINE, PEERS
from proxyfuse.demo.held_out import Kind
from proxyfuse.demo.material import Material
from proxyfuse.measure import bytes_a_token
from proxyfuse.trio import Role, Trio
from tests.bench.conftest import SMALL

LOOP = "Hugging Face loop, float32"
SIZES = ("--batch", "1", "--prompts", "9", "--tokens", "6", "--rounds", "2")


def record(
    main: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str
) -> dict[str, Any]:
    """What a bench saves and prints last."""
    monkeypatch.setattr(harness.save, "__defaults__", (tmp_path / "results",))
    monkeypatch.setattr(sys, "argv", ["bench", *arguments, "--peers", LOOP])
    for module in (latency, throughput, scaling):
        monkeypatch.setattr(module, "Reader", lambda device: Reader(device, 1 << 16))
    main()
    (file,) = (tmp_path / "results").glob("*/*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    assert {"bench", "command", "commit", "date", "machine"} <= set(found)
    return found


def folders_of(small: Trio[Path]) -> list[str]:
    return [part for role, at in small.items() for part in (f"--{role.label}", str(at))]


def interrupted() -> None:
    """Latency's main, which says that it was."""
    with pytest.raises(SystemExit, match="interrupted"):
        latency.main()


def test_latency(
    small: Trio[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sizes = ["--batch", "1", "2", "--prompts", "9", "--tokens", "6", "--rounds", "2"]
    found = record(latency.main, monkeypatch, tmp_path, *folders_of(small), *sizes)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == found
    its = found["trios"]["base"]
    assert set(its["batches"]) == {"1", "2"} and set(its["prompts"]) == {"9"}
    two = its["batches"]["2"]
    assert set(two["ms_per_token"]) == {MINE, LOOP} and set(two["times_faster_than"]) == {LOOP}
    waits = two["arrivals"]
    assert waits[MINE]["p99_ms"] >= waits[MINE]["median_ms"] > 0
    assert waits[MINE]["tokens_each"] >= 1 == waits[LOOP]["tokens_each"]
    assert waits[LOOP]["count"] >= 2 * 2 * 4, "rounds x texts x tokens after the first, at least"
    (its_drafts,) = two["drafts"].values()
    assert set(two["drafts"]) == {MINE} and its_drafts["base_passes"] > 0
    assert its_drafts["tokens_per_base_pass"] == pytest.approx(
        1 + its_drafts["accepted"] / its_drafts["base_passes"]
    )
    assert its["gate"] == {MINE: "here", LOOP: "here"}
    assert set(two["rounds"]) == {LOOP} and "mine" in two["rounds"][LOOP]
    turns = {key: len(its) for key, its in two["rounds"][LOOP]["mine"].items()}
    assert turns == {"ms": 2, "read_ms": 2, "others": 2}
    assert its["weight_bytes"][LOOP] == 2 * its["weight_bytes"][MINE]


@pytest.mark.parametrize(
    ("device", "tokens", "least"), [("cpu", 128, 3), ("cuda", 128, 48), ("cuda", 20, 20)]
)
def test_a_gpu_writes_enough_in_a_turn_for_drafts(device: str, tokens: int, least: int) -> None:
    asked = Namespace(device=device, batch=[1], prompts=[], tokens=tokens)
    assert latency.make_cases(asked, 300)["batch 1"].least == least


def stop(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int) -> None:
    """An interrupt in the place of one of the calls; those before are as they were."""
    inner, calls = getattr(owner, name), itertools.count(1)

    def called(*args: Any, **named: Any) -> Any:
        if next(calls) == at:
            raise KeyboardInterrupt
        return inner(*args, **named)

    monkeypatch.setattr(owner, name, called)


@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        (options, "folders", 2),  # its weights are made
        (Gate, "require_right", 3),  # two peers a trio
        (Contest, "_together", 2),
    ],
)
def test_an_interrupt_in_the_second_trio_leaves_the_first(
    owner: Any,
    name: str,
    at: int,
    small: Trio[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(options, "folders", lambda *_: small)
    stop(monkeypatch, owner, name, at)
    found = record(interrupted, monkeypatch, tmp_path, "--trio", "demo", "mid", *SIZES)
    assert found["interrupted"] and set(found["trios"]) == {"demo"}
    assert not found["trios"]["demo"]["interrupted"]
    assert set(found["trios"]["demo"]["batches"]) == {"1"}
    assert set(found["trios"]["demo"]["prompts"]) == {"9"}


def test_an_interrupt_within_a_trio_leaves_its_cases(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(contest: Contest, cases: dict[str, Case]) -> dict[str, Columns]:
        raise Interrupted({"batch 1": whole(contest, cases)["batch 1"]})

    whole = Contest.run
    monkeypatch.setattr(Contest, "run", run)
    found = record(interrupted, monkeypatch, tmp_path, *folders_of(small), *SIZES)
    its = found["trios"]["base"]
    assert found["interrupted"] and its["interrupted"]
    assert set(its["batches"]) == {"1"} and not its["prompts"]


def test_rivals_of_which_no_two_fit_are_opened_one_by_one(
    small: Trio[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = record(latency.main, monkeypatch, tmp_path, *folders_of(small), *SIZES, "--apart")
    its = found["trios"]["base"]
    assert its["apart"] and "ratios are of different minutes" in capsys.readouterr().out
    rounds = its["batches"]["1"]["rounds"][LOOP]
    assert len(rounds["ms"]) == len(rounds["mine"]["ms"]) == 2
    assert its["batches"]["1"]["times_faster_than"][LOOP]["pairs"] == 2


def test_weights_that_are_drawn_are_timed_and_counted_like_those_of_files(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By this engine and by Hugging Face's; what is right is found out over files."""
    monkeypatch.setitem(SHAPES, "small", SMALL)
    drawn = options._drawn("small", "small", tmp_path, agreeing=True)
    monkeypatch.setattr(latency, "materials", lambda *_: [drawn])
    its = record(latency.main, monkeypatch, tmp_path, *SIZES)["trios"]["small"]
    assert its["load_format"] == "dummy" and set(its["batches"]["1"]["ms_per_token"]) == {
        MINE,
        LOOP,
    }
    read = bytes_a_token(small, torch.bfloat16)
    assert its["weight_bytes"] == {MINE: read, LOOP: 2 * read}
    assert its["stored"] == dict.fromkeys(("base", "expert", "antiexpert"), "bfloat16")
    assert not list(tmp_path.glob("small, drawn/*/*.safetensors"))


def test_an_interrupt_before_anything_was_timed_leaves_no_record(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(monkeypatch, Gate, "require_right", 2)
    with pytest.raises(ValueError, match="not enough values"):
        record(interrupted, monkeypatch, tmp_path, *folders_of(small), *SIZES)


def test_a_quantised_base_stands_for_this_engine_alone(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ["--batch", "1", "--prompts", "--tokens", "6", "--rounds", "2"]
    options = [*folders_of(small), *sizes, "--base-quantization", "fp8"]
    its = record(latency.main, monkeypatch, tmp_path, *options)["trios"]["base"]
    read = {q: bytes_a_token(small, torch.bfloat16, tuple(Role), q) for q in (None, "fp8")}
    assert its["weight_bytes"] == {MINE: read["fp8"], LOOP: 2 * read[None]}


def test_what_8_bits_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.save, "__defaults__", (tmp_path,))
    monkeypatch.setattr(sys, "argv", ["bench", "--windows", "1"])
    monkeypatch.setattr(quantised, "WRITTEN", 2)
    monkeypatch.setattr(quantised, "ALPHAS", (1.0,))
    windows: dict[Kind, list[list[int]]] = {"code": [list(range(300, 380)), list(range(9, 80))]}
    monkeypatch.setattr(quantised, "gather", lambda *_: Material([], [], windows))
    quantised.main()
    (file,) = tmp_path.glob("*/*.json")
    (found,) = json.loads(file.read_text())["ways"].values()
    assert found["code"]["fp8"] - found["code"]["plain"] == pytest.approx(found["code"]["lost"])
    assert found["code"]["lost"] != 0
    assert 0 <= found["greedy"]["unchanged"] <= found["greedy"]["texts"]


def test_throughput(small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "workload.jsonl"
    file.write_text('{"prompt_tokens": 3, "output_tokens": 4}\n' * 3)
    asked = ["--workload", str(file), "--concurrency", "1", "2", "--rounds", "1"]
    found = record(throughput.main, monkeypatch, tmp_path, *folders_of(small), *asked)
    its = found["trios"]["base"]
    assert (its["requests"], its["written_tokens"]) == (3, 12)
    assert set(its["concurrency"]["2"]["tokens_per_second"]) == {MINE, LOOP}


def test_scaling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    axis = [Point("batch", 1, SMALL), Point("batch", 2, SMALL, batch=2)]
    monkeypatch.setattr(scaling, "points", lambda: iter(axis))
    picture = tmp_path / "it.png"
    found = record(scaling.main, monkeypatch, tmp_path, "--rounds", "1", "--plot", str(picture))
    assert set(found["axes"]["batch"]) == {"1", "2"}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_peak_is_that_of_what_was_opened(small: Trio[Path], tmp_path: Path) -> None:
    (peer,) = (peer for peer in PEERS if peer.name == MINE)
    assert memory.write_once(peer, small, tmp_path) > 10 << 20


def test_peaks_are_of_the_host(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--device", "cuda"])
    with pytest.raises(SystemExit):
        memory.main()
    assert "--device: got cuda, want cpu" in capsys.readouterr().err


def head_of(folder: Path) -> float:
    """How loud it is."""
    return float(load_file(folder / "rest.safetensors")["lm_head.weight"].float().std())


def test_a_gpu_is_gated_by_shallow_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "small", SMALL)
    parser = make_parser("", ["small"], [])
    (on_cpu,) = materials(parser.parse_args([]), tmp_path)
    (on_gpu,) = materials(parser.parse_args(["--device", "cuda"]), tmp_path)
    assert on_cpu.gate.base == on_cpu.folders.base
    assert on_gpu.gate.base != on_gpu.folders.base
    assert (on_cpu.load_format, on_gpu.load_format) == ("auto", "dummy")
    for folder in on_gpu.folders.values():
        assert [file.name for file in folder.iterdir()] == ["config.json"]
    assert list(on_gpu.gate.base.glob("*.safetensors"))
    (agreeing,) = materials(parser.parse_args(["--agreeing"]), tmp_path)
    assert agreeing.name == "small, agreeing"
    (agreeing,) = materials(parser.parse_args(["--agreeing", "--device", "cuda"]), tmp_path)
    soft, loud = (head_of(it.gate[Role.BASE]) for it in (agreeing, on_gpu))
    assert soft == pytest.approx(SOFT * loud, rel=0.02)
    both = [head_of(it.gate[Role.EXPERT]) for it in (agreeing, on_gpu)]
    assert both[0] == both[1]
    assert agreeing.folders[Role.EXPERT] != on_cpu.folders[Role.EXPERT]
