"""Proxies on a GPU of their own write the same text, where there are two GPUs or pretended ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.engine.test_gpu import written

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs"),
]

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"speculate": 0},
    "drafts": {"speculate": 4},
    "eager, drafts": {"speculate": 4, "enforce_eager": True},
    "grouped": {"speculate": 0, "proxies": "grouped"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_text_is_that_of_the_cpu(trio, open_llm, setting: str) -> None:
    wanted = written(open_llm(trio, speculate=0))
    there = {"device": "cuda:0", "proxy_device": "cuda:1"}
    assert written(open_llm(trio, **there, **SETTINGS[setting])) == wanted
