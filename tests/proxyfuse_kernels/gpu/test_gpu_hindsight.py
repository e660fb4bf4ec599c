"""recall and remember as Triton kernels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proxyfuse_kernels.hindsight import Hindsight
from tests.proxyfuse_kernels.hindsight_cases import WIDTHS, judge

pytest.importorskip("triton")
from proxyfuse_kernels.hindsight import kernel
from proxyfuse_kernels.hindsight.kernel import recall, remember

KERNELS = SimpleNamespace(recall=recall, remember=remember)


@pytest.mark.parametrize("width", WIDTHS)
def test_it_is_the_plain_version(width: int, device: str) -> None:
    judge(width, lambda write: write(KERNELS), device)


def test_nothing_is_contracted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler contracts where nobody forbids it, which the interpreter never does."""
    asked: list[Any] = []

    class Kernel:
        def __getitem__(self, grid: object) -> Any:
            return lambda *_, **options: asked.append(options["enable_fp_fusion"])

    for name in ("_recall", "_remember"):
        monkeypatch.setattr(kernel, name, Kernel())
    memory, row = Hindsight.allocate(8), torch.zeros(1, 8)
    whose = [torch.zeros(1, dtype=torch.int32) for _ in range(3)]
    recall(row, *whose, memory, row.clone())
    remember([row] * 3, torch.ones(1), row, *whose, memory)
    assert asked == [build.fp_fusion for build in kernel.builds()] == [False, False]
