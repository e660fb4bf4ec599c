"""How the compiled operations are run and judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from proxyfuse_kernels.cpu import CpuOps, Tape, available, isas
from proxyfuse_kernels.ops import Ops


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", isas() if available() else [])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def teams() -> dict[int, Any]:
    """One team of each size; three and five threads are more than most test machines have."""
    module = pytest.importorskip("proxyfuse_kernels._cpu")
    return {threads: module.Team(threads, spin_us=50) for threads in (1, 2, 3, 5)}


@pytest.fixture(scope="session")
def run(teams: dict[int, Any]) -> Callable[..., None]:
    """run(isa, lambda ops: ops.x(...), threads=...) records and runs at once."""

    def record_and_run(isa: str, record: Callable[[Ops], None], threads: int = 2) -> None:
        tape = Tape(isa)
        record(CpuOps(tape))
        tape.run(teams[threads])

    return record_and_run


@pytest.fixture(scope="session")
def as_accurate() -> Callable[[Tensor, Tensor, Tensor], None]:
    """as_accurate(got, plain, exact): at most twice the plain version's error, or one rounding."""

    def check(got: Tensor, plain: Tensor, exact: Tensor) -> None:
        assert got.dtype == plain.dtype and exact.dtype == torch.float64
        error = (got.double() - exact).abs().max()  # NaN where anything is
        allowed = (plain.double() - exact).abs().max()
        rounding = torch.finfo(got.dtype).eps / 2 * exact.abs().max()
        assert error <= 2 * torch.maximum(allowed, rounding), (error, allowed, rounding)

    return check
