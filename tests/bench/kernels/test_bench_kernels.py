"""`python -m bench.kernels`: every operation at tiny sizes, one JSON line last."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from bench.harness import save
from bench.kernels import __main__ as everything
from bench.kernels import linear, timing
from bench.kernels.timing import Scope, run
from proxyfuse.measure import ReadStream, kernels, sample
from proxyfuse.measure.ops.case import Case, Place, WrongResultError
from proxyfuse_kernels.ops import Ops

TINY = Scope((1, 3), (111, 130), 24, 37, 4, 2, 10, 33)
OPS = {module.__name__.rpartition(".")[2]: module.cases for module in everything.MODULES}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 1e-5)
    monkeypatch.setattr(kernels, "MOST_COPIES", 2)
    monkeypatch.setattr(timing.Scope, "of", lambda place, quick: TINY)
    monkeypatch.setattr(timing, "ReadStream", lambda device: ReadStream(device, 1 << 16))
    monkeypatch.setattr(timing.Place, "of", lambda *_, **__: Place(torch.device("cpu")))
    monkeypatch.setattr(timing, "save", partial(save, results=tmp_path))
    monkeypatch.setattr(sys, "argv", ["bench", "--quick"])


def test_every_operation_of_a_decoder_and_its_draws_are_there() -> None:
    names = {name for name in vars(Ops) if not name.startswith("_")}
    assert set(OPS) == names | {"linear_fp8", "proxy_sample", "fused_head_sample"}


def test_one_json_line_last_and_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(OPS, "bench.kernels")
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    (path,) = tmp_path.glob("*/*-kernels.json")
    assert json.loads(path.read_text()) == record
    assert {case["op"] for case in record["cases"]} == set(OPS)
    assert {case["rows"] for case in record["cases"]} == {1, 3}
    for case in record["cases"]:
        assert case["implementations"]["reference"]["us"]["median"] > 0


def test_a_broken_kernel_makes_it_refuse(tmp_path: Path) -> None:
    def broken(place: Place, scope: Scope) -> Iterator[Case]:
        for case in linear.cases(place, scope):
            case.implementations["broken"] = lambda b: lambda: b["x"] @ b["weight"].T * 1.1
            yield case

    with pytest.raises(WrongResultError, match="broken"):
        run({"linear": broken}, "bench.kernels.linear")
    assert not list(tmp_path.glob("*/*.json"))


@pytest.mark.parametrize("stop", [WrongResultError("broken"), KeyboardInterrupt()], ids=repr)
def test_what_was_timed_is_kept_whatever_ends_the_rest(tmp_path: Path, stop: Exception) -> None:
    def ending(place: Place, scope: Scope) -> Iterator[Case]:
        raise stop
        yield

    ops = {"select": OPS["select"], "broken": ending, "place": OPS["place"]}
    with pytest.raises(type(stop)):
        run(ops, "bench.kernels")
    (path,) = tmp_path.glob("*/*.json")
    record = json.loads(path.read_text())
    goes_on = isinstance(stop, WrongResultError)
    assert {case["op"] for case in record["cases"]} == {"select", *["place"] * goes_on}
    assert record["failed"] == ["WrongResultError: broken"] * goes_on
