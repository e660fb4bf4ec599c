"""The compiled CPU version of a decoder's operations, recorded onto a tape that a team replays."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

try:
    from proxyfuse_kernels import _cpu
except ImportError as error:  # built without a compiler, or for another Python
    _missing: ImportError | None = error
else:
    _missing = None

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # DType in csrc/cpu/ops.h


def available() -> bool:
    """Whether the compiled kernels were built and load here."""
    return _missing is None


def isa() -> str:
    """The fastest instruction set of this machine that the kernels were compiled for.

    Raises ImportError where they are not available."""
    return isas()[0]


def isas() -> list[str]:
    """Every such instruction set, the fastest first."""
    if _missing is not None:
        raise ImportError("proxyfuse was installed without its compiled kernels") from _missing
    return _cpu.isas()


class Tape:
    """Operations over fixed buffers, which it keeps alive; their contents may change."""

    def __init__(self, isa: str | None = None) -> None:
        self.native = _cpu.Tape(isas()[0] if isa is None else isa)
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.native)

    def keep(self, *tensors: Tensor | None) -> None:
        """Hold tensors whose addresses were recorded."""
        self._kept.extend(x for x in tensors if x is not None)

    def run(self, team: _cpu.Team) -> None:
        """Replay all operations in order, on every thread of `team`, without the GIL."""
        self.native.run(team)

    def clear(self) -> None:
        """Forget every operation and let go of its tensors."""
        self.native.clear()
        self._kept.clear()


class CpuOps:
    """The methods of `Ops`, recorded onto a tape; ValueError for what no kernel takes."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def embed(self, ids: Tensor, table: Tensor, out: Tensor) -> None:
        rows, width = len(ids), table.shape[1]
        _expect("ids", ids, (rows,), (torch.int32,), dense=True)
        _expect("table", table, (None, width), DTYPES, dense=True)
        _expect("out", out, (rows, width), (torch.float32,))
        self.tape.keep(ids, table, out)
        self.tape.native.embed(
            ids=ids.data_ptr(),
            table=table.data_ptr(),
            out=out.data_ptr(),
            rows=rows,
            width=width,
            out_stride=out.stride(0),
            type=DTYPES[table.dtype],
        )

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
        rows, width = x.shape
        _expect("x", x, (rows, width), (torch.float32,))
        _expect("weight", weight, (width,), DTYPES, dense=True)
        _expect("out", out, (rows, width), DTYPES)
        self.tape.keep(x, weight, out)
        self.tape.native.rms_norm(
            x=x.data_ptr(),
            weight=weight.data_ptr(),
            out=out.data_ptr(),
            rows=rows,
            width=width,
            x_stride=x.stride(0),
            out_stride=out.stride(0),
            eps=eps,
            type=DTYPES[weight.dtype],
            out_type=DTYPES[out.dtype],
        )

    def linear(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, *, add: bool = False
    ) -> None:
        (rows, inputs), outputs = x.shape, len(weight)
        _expect("x", x, (rows, inputs), DTYPES)
        _expect("weight", weight, (outputs, inputs), (x.dtype,), dense=True)
        _expect("out", out, (rows, outputs), (torch.float32,) if add else (torch.float32, x.dtype))
        if bias is not None:
            _expect("bias", bias, (outputs,), (x.dtype,), dense=True)
        self.tape.keep(x, weight, bias, out)
        self.tape.native.linear(
            x=x.data_ptr(),
            weight=weight.data_ptr(),
            bias=0 if bias is None else bias.data_ptr(),
            out=out.data_ptr(),
            rows=rows,
            inputs=inputs,
            outputs=outputs,
            x_stride=x.stride(0),
            out_stride=out.stride(0),
            type=DTYPES[x.dtype],
            out_type=DTYPES[out.dtype],
            add=add,
        )

    def select(self, x: Tensor, rows: Tensor, out: Tensor) -> None:
        count, width = len(rows), x.shape[1]
        _expect("x", x, (None, width), (torch.float32,))
        _expect("rows", rows, (count,), (torch.int32,), dense=True)
        _expect("out", out, (count, width), (torch.float32,))
        self.tape.keep(x, rows, out)
        self.tape.native.select(
            x=x.data_ptr(),
            rows=rows.data_ptr(),
            out=out.data_ptr(),
            count=count,
            width=width,
            x_stride=x.stride(0),
            out_stride=out.stride(0),
        )

    def silu_mul(self, gate_up: Tensor, out: Tensor) -> None:
        rows, width = out.shape
        _expect("gate_up", gate_up, (rows, 2 * width), DTYPES)
        _expect("out", out, (rows, width), (gate_up.dtype,))
        self.tape.keep(gate_up, out)
        self.tape.native.silu_mul(
            gate_up=gate_up.data_ptr(),
            out=out.data_ptr(),
            rows=rows,
            width=width,
            in_stride=gate_up.stride(0),
            out_stride=out.stride(0),
            type=DTYPES[out.dtype],
        )


def _expect(
    name: str,
    x: Tensor,
    shape: Sequence[int | None],
    dtypes: Sequence[torch.dtype] | dict[torch.dtype, int],
    *,
    dense: bool = False,
) -> None:
    """Ask for a CPU tensor of this shape (None: any size) and type, its rows contiguous."""
    fits = x.dim() == len(shape) and all(
        w in (None, n) for n, w in zip(x.shape, shape, strict=True)
    )
    if not fits or x.dtype not in dtypes or x.device.type != "cpu":
        got = f"{tuple(x.shape)} {x.dtype} on {x.device}"
        raise ValueError(f"{name}: got {got}, want {tuple(shape)} of {list(dtypes)} on cpu")
    if not (x.is_contiguous() if dense else x.shape[-1] < 2 or x.stride(-1) == 1):
        want = "a contiguous tensor" if dense else "contiguous rows"
        raise ValueError(f"{name}: got strides {x.stride()}, want {want}")
