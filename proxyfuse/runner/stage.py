"""Where a launch is put together: recorded part by part, then run as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol

from torch import Tensor

from proxyfuse.trio import Role
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows

Part = Any  # operations over fixed buffers, as the stage that recorded them keeps them
Parts = Sequence[Part]
# what draws it, what feeds it, its margins [rows] where they are told
Draft = tuple[Parts, Parts, Tensor | None]


class Launch(Protocol):
    """Parts in their order, ready to run again and again."""

    def run(self, least: float = -inf, steepness: float = 1.0) -> int:
        """Run everything; how many drafts were fed.

        A stage that can tell without waiting stops drafting where no row's drafts are likely
        enough to hold: where none has a sum of log(1 / (1 + exp(-steepness * m))) of `least` or
        more, m being the margin by which each led when it was drawn.
        """


class Stage(Protocol):
    """One way of running operations."""

    stops_early: bool  # whether its launches may feed fewer drafts than were planned

    def record(self, write: Callable[[Ops], object], role: Role | None = None) -> Part:
        """The operations that `write` calls. Those of a role do not depend on another role's parts
        that stand right before or after them, so that they may run beside each other."""

    def sample(
        self, logits: Sequence[Tensor], rows: SampleRows, begin: int, draws: SampleDraws
    ) -> Part:
        """`proxy_sample` of rows [begin, begin + len(logits[0])), into the front of `draws`."""

    def launch(
        self, first: Parts, drafts: Sequence[Draft], verify: Sequence[Parts], *, often: bool
    ) -> Launch:
        """`first`, each draft in turn, then `verify[n]` where n drafts were fed.

        often: it is likely to be run again and again.
        """
