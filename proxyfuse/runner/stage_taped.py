"""The CPU's compiled operations, on tapes that a team replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from torch import Tensor

from proxyfuse.runner.stage import Draft
from proxyfuse.trio import Role
from proxyfuse_kernels.cpu import CpuOps, Reel, Tape
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler, SampleRows

if TYPE_CHECKING:
    from proxyfuse_kernels._cpu import Team


@dataclass(frozen=True, slots=True)
class TapedLaunch:
    """A reel and its team: one parallel region, one call."""

    reel: Reel
    team: Team

    def run(self, least: float = -inf, steepness: float = 1.0) -> int:
        """Play the reel."""
        return self.reel.run(self.team, least, steepness)


class TapedStage:
    """Parts are tapes."""

    stops_early = True

    def __init__(self, sampler: Sampler, team: Team) -> None:
        """`sampler`: one made for this team."""
        self._sampler = sampler
        self._team = team

    def record(self, write: Callable[[Ops], object], role: Role | None = None) -> Tape:
        """A tape of everything that `write` calls."""
        tape = Tape()
        write(CpuOps(tape))
        return tape

    def sample(
        self, logits: Sequence[Tensor], rows: SampleRows, begin: int, draws: SampleDraws
    ) -> Tape:
        """A tape of one operation."""
        tape = Tape()
        self._sampler.record(tape, logits, rows, begin, draws)
        return tape

    def launch(
        self,
        first: Sequence[Tape],
        drafts: Sequence[Draft],
        verify: Sequence[Sequence[Tape]],
        *,
        often: bool,
    ) -> TapedLaunch:
        """All of it spliced into one reel."""
        told = [(draw, feed, margins) for draw, feed, margins in drafts if margins is not None]
        assert len(told) == len(drafts), "the host's sampler tells margins"
        return TapedLaunch(Reel(first, told, verify), self._team)
