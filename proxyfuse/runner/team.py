"""The threads that compute on a CPU."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from proxyfuse_kernels import cpu

if TYPE_CHECKING:
    from proxyfuse_kernels._cpu import Team


def make_team(threads: int | None) -> Team | None:
    """A team of so many threads, or one for each core this process may use.

    None, and a warning once, where the package was installed without its compiled kernels.
    """
    if not cpu.available():
        warnings.warn(
            "proxyfuse was installed without its compiled CPU kernels (no C++ compiler was found):"
            " plain torch operations run instead, many times slower",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return cpu.new_team(threads or len(os.sched_getaffinity(0)))
