"""What operations are recorded onto, and who runs them."""

from __future__ import annotations

from torch import Tensor

try:
    from proxyfuse_kernels import _cpu
except ImportError as error:  # built without a compiler, or for another Python
    _missing: ImportError | None = error
else:
    _missing = None


def available() -> bool:
    """Whether the compiled kernels were built and load here."""
    return _missing is None


def isas() -> list[str]:
    """The instruction sets of this machine that the kernels were compiled for, the fastest first.

    Raises ImportError where there are no compiled kernels.
    """
    if _missing is not None:
        raise ImportError("proxyfuse was installed without its compiled kernels") from _missing
    return _cpu.isas()


def isa() -> str:
    """The fastest of `isas()`."""
    return isas()[0]


def new_team(threads: int) -> _cpu.Team:
    """Threads that replay tapes, the caller among them; they park when idle.

    Raises ImportError where there are no compiled kernels.
    """
    isas()
    return _cpu.Team(threads)


class Tape:
    """Operations over fixed buffers, which it keeps alive; their contents may change.

    Raises ImportError without compiled kernels, ValueError for an `isa` not among `isas()`.
    """

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
