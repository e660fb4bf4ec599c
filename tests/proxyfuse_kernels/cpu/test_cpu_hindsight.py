"""recall and remember, compiled for this machine's instruction sets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.proxyfuse_kernels.hindsight_cases import WIDTHS, judge

pytest.importorskip("proxyfuse_kernels._cpu")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_is_the_plain_version(
    isa: str, width: int, threads: int, run: Callable[..., None]
) -> None:
    judge(width, partial(run, isa, threads=threads))
