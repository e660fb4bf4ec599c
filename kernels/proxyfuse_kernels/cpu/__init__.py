"""The compiled CPU version of a decoder's operations, recorded onto a tape that a team replays.

    team, tape = new_team(4), Tape()
    decoder.forward(CpuOps(tape), rows, kv, work)     records, computes nothing
    tape.run(team)                                    computes; again whenever the buffers changed

Where the kernels were not built, `available()` is False, and making a team or a tape raises
ImportError.
"""

from proxyfuse_kernels.cpu.ops import CpuOps
from proxyfuse_kernels.cpu.tape import Reel, Tape, available, isa, isas, new_team

__all__ = ["CpuOps", "Reel", "Tape", "available", "isa", "isas", "new_team"]
