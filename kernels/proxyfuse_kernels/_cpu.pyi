"""Kernels over raw addresses. Types: 0 float32, 1 bfloat16, 2 float16. Strides in elements."""

from typing import Any

Sampler: Any  # untyped so that a build without it can have None in its place

def isas() -> list[str]:
    """Instruction sets that this machine runs, the fastest first."""

class Team:
    """Threads that run tapes together, the caller among them; they park when idle."""

    def __init__(self, threads: int, spin_us: int = 1000) -> None: ...
    @property
    def threads(self) -> int: ...

class Tape:
    """Operations recorded over fixed buffers, replayed by a team in one parallel region."""

    def __init__(self, isa: str) -> None: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...
    def run(self, team: Team) -> None: ...
    def embed(
        self, ids: int, table: int, out: int, rows: int, width: int, out_stride: int, type: int
    ) -> None: ...
    def rms_norm(
        self,
        x: int,
        weight: int,
        out: int,
        rows: int,
        width: int,
        x_stride: int,
        out_stride: int,
        eps: float,
        type: int,
        out_type: int,
    ) -> None: ...
    def linear(
        self,
        x: int,
        weight: int,
        bias: int,
        out: int,
        rows: int,
        inputs: int,
        outputs: int,
        x_stride: int,
        out_stride: int,
        type: int,
        out_type: int,
        add: bool,
    ) -> None: ...
    def select(
        self,
        x: int,
        rows: int,
        out: int,
        count: int,
        width: int,
        x_stride: int,
        out_stride: int,
    ) -> None: ...
    def silu_mul(
        self,
        gate_up: int,
        out: int,
        rows: int,
        width: int,
        in_stride: int,
        out_stride: int,
        type: int,
    ) -> None: ...
