"""What operations are recorded onto, and who runs them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

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
        self._kept: list[object] = []

    def __len__(self) -> int:
        return len(self.native)

    def keep(self, *objects: object) -> None:
        """Hold what addresses were recorded of."""
        self._kept.extend(x for x in objects if x is not None)

    def run(self, team: _cpu.Team) -> None:
        """Replay all operations in order, on every thread of `team`, without the GIL."""
        self.native.run(team)

    def clear(self) -> None:
        """Forget every operation and let go of its tensors."""
        self.native.clear()
        self._kept.clear()


Tapes = Sequence[Tape]


class Reel:
    """Tapes of one launch: `first`, then each draft, then `verify[n]` where n drafts were fed.

    drafts: what draws it, what feeds it to the drafting model, and the [rows] float32
    margins of what was drawn; no more rows than the draft before.
    """

    def __init__(
        self, first: Tapes, drafts: Sequence[tuple[Tapes, Tapes, Tensor]], verify: Sequence[Tapes]
    ) -> None:
        self._kept = (first, drafts, verify)
        self._native = _cpu.Reel(
            _natives(first),
            [
                (_natives(draw), _natives(feed), margins.data_ptr(), len(margins))
                for draw, feed, margins in drafts
            ],
            [_natives(tapes) for tapes in verify],
        )

    def run(self, team: _cpu.Team, least: float = -inf, steepness: float = 1.0) -> int:
        """Play everything in one parallel region, without the GIL; how many drafts were fed.

        Drafting ends where no row's drafts have a sum of log(1 / (1 + exp(-steepness * m))) of
        `least` or more, m being the margin by which a draft led.
        """
        return self._native.run(team, least, steepness)


def _natives(tapes: Tapes) -> list[_cpu.Tape]:
    return [tape.native for tape in tapes]
