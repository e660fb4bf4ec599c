"""recall and remember as Triton kernels."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.proxyfuse_kernels.hindsight_cases import WIDTHS, judge

pytest.importorskip("triton")
from proxyfuse_kernels.hindsight.kernel import recall, remember

KERNELS = SimpleNamespace(recall=recall, remember=remember)


@pytest.mark.parametrize("width", WIDTHS)
def test_it_is_the_plain_version(width: int, device: str) -> None:
    judge(width, lambda write: write(KERNELS), device)
