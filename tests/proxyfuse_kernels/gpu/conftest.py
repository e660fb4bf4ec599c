"""The Triton kernels on a CPU, through Triton's interpreter, and on a GPU by `make gpu`."""

from __future__ import annotations

import pytest
import torch

from tests.interpreted import like_a_chip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        pytest.importorskip("triton")
        metafunc.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


@pytest.fixture(autouse=True)
def _on_its_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("gpu"):
        assert torch.cuda.is_available(), "want a CUDA device: these are for machines with one"
    else:
        like_a_chip(monkeypatch)
