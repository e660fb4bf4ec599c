"""Cases of `Ops`: every version of an operation runs one call, and rows of it are compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from proxyfuse.measure.ops.case import (
    Buffers,
    Case,
    Implementation,
    Judge,
    Place,
    Run,
    compiled,
    require_close,
)
from proxyfuse_kernels import gpu
from proxyfuse_kernels.cpu import CpuOps, Tape
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.reference import ReferenceOps

Call = Callable[[Ops, Buffers], None]
Rival = Callable[[Buffers], partial[Tensor]]  # a function of torch's, with its tensors


def row_case(
    place: Place,
    op: str,
    sizes: dict[str, int | str],
    size: int,
    make: Callable[[], Buffers],
    call: Call,
    *,
    by_row: tuple[str, ...] = (),
    shared: tuple[str, ...] = (),
    read: Callable[[Buffers], Tensor] = lambda buffers: buffers["out"],
    rival: Rival | None = None,
) -> Case:
    """A case of an operation of `Ops`, whose rows never influence each other.

    size: bytes that must move. by_row: buffers that have an entry a row, of which a few are judged;
    all where there are none. shared: other buffers that are written. read: the rows of the result,
    out of the buffers. rival: torch's own way.
    """
    return Case(
        op=op,
        sizes=sizes,
        bytes=size,
        make=make,
        implementations=_versions(place, call, rival),
        gate=lambda buffers: _judge(buffers, call, by_row, shared, read),
    )


def kernels(place: Place, call: Call) -> dict[str, Implementation]:
    """Our own kernels that this machine runs, the fastest first."""
    found: dict[str, Implementation] = {}
    if place.team is not None:
        found |= {f"compiled {isa}": _taped(call, isa, place.team) for isa in place.isas}
    if place.device.type == "cuda" and gpu.available():
        found["triton"] = _at_once(call, gpu.gpu_ops(one_path=True))
    return found


def _versions(place: Place, call: Call, rival: Rival | None) -> dict[str, Implementation]:
    """All that this machine has, ours first."""
    found = kernels(place, call)
    found["reference"] = _at_once(call, ReferenceOps())
    if rival is not None:
        found["torch"] = rival
        if place.device.type == "cuda":
            found["torch, compiled"] = lambda buffers: _compiled(rival(buffers))
    return found


def _compiled(run: partial[Tensor]) -> Run:
    return partial(compiled(run.func), *run.args)


def _at_once(call: Call, ops: Ops) -> Implementation:
    def prepare(buffers: Buffers) -> Run:
        return lambda: call(ops, buffers)

    return prepare


def _taped(call: Call, isa: str, team: Any) -> Implementation:
    def prepare(buffers: Buffers) -> Run:
        tape = Tape(isa)
        call(CpuOps(tape), buffers)
        return lambda: tape.run(team)

    return prepare


def _judge(
    buffers: Buffers,
    call: Call,
    by_row: tuple[str, ...],
    shared: tuple[str, ...],
    read: Callable[[Buffers], Tensor],
) -> Judge:
    """Compares the first, a middle and the last row, or all, with the reference's own."""

    def fresh(names: tuple[str, ...]) -> Buffers:
        return buffers | {name: buffers[name].clone() for name in names}

    picked: list[int] | slice = slice(None)
    if by_row:
        rows = len(buffers[by_row[0]])
        picked = sorted({0, rows // 2, rows - 1})
    few = fresh(shared) | {name: buffers[name][picked] for name in by_row}
    call(ReferenceOps(), few)
    want = read(few)

    def judge(name: str, implementation: Implementation) -> None:
        mine = fresh(by_row + shared)
        returned = implementation(mine)()
        require_close(name, (read(mine) if returned is None else returned)[picked], want)

    return judge
