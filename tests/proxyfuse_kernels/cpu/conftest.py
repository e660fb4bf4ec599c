"""How the compiled operations are run and judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxyfuse_kernels.cpu import CpuOps, Tape, available, isas
from proxyfuse_kernels.ops import Ops


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", isas() if available() else [])


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
