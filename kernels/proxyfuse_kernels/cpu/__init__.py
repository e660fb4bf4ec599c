"""The compiled CPU version of a decoder's operations, recorded onto a tape that a team replays.

    team, tape = _cpu.Team(threads=4), Tape()
    decoder.forward(CpuOps(tape), rows, kv, work)     records, computes nothing
    tape.run(team)                                    computes; again whenever the buffers changed

Where the kernels were not built, `available()` is False, importing `_cpu` and making a `Tape` raise
ImportError.
"""

from proxyfuse_kernels.cpu.ops import CpuOps
from proxyfuse_kernels.cpu.tape import Tape, available, isa, isas

__all__ = ["CpuOps", "Tape", "available", "isa", "isas"]
