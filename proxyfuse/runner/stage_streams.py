"""Operations of a device beside the host: a stream a role, and a graph for what is often run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from proxyfuse.runner.stage import Draft
from proxyfuse.runner.stage_plain import PlainStage
from proxyfuse.runner.streams import Streams, Work
from proxyfuse.trio import PROXIES, Role
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows


class Act(NamedTuple):
    """Calls that give work to a device, and the role whose work it is; None is everybody's."""

    role: Role | None
    work: Work


@dataclass(frozen=True, slots=True)
class StreamLaunch:
    """Acts in their order, those of different roles beside each other. It never waits."""

    streams: Streams
    acts: Sequence[Act]
    drafts: int

    @torch.inference_mode()
    def run(self, least: float = -inf, steepness: float = 1.0) -> int:
        """Give everything to the streams; every draft is fed."""
        beside: dict[Role, Work] = {}
        for role, work in self.acts:
            if beside and (role is None or role in beside):
                self.streams.together(beside)
                beside = {}
            if role is None:
                work()
            else:
                beside[role] = work
        if beside:
            self.streams.together(beside)
        return self.drafts


@dataclass(slots=True)
class OftenLaunch:
    """A launch whose pieces are captured when it is run for the second time: before traffic begins.

    The first time compiles what is compiled on demand.
    """

    streams: Streams
    work: Work  # a piece, or the calls of several
    drafts: int
    runs: int = 0

    def run(self, least: float = -inf, steepness: float = 1.0) -> int:
        """Everything: once they were captured, a graph for each piece."""
        self.runs += 1
        self.streams.capturing = self.runs == 2
        try:
            self.work()
        finally:
            self.streams.capturing = False
        return self.drafts


class StreamStage:
    """Parts are acts."""

    stops_early = False

    def __init__(self, plain: PlainStage, streams: Streams) -> None:
        """`plain`: its calls give work to the device's current stream. Where streams have graphs,
        what is run often is captured; then no call of `plain` may wait for the device."""
        self._plain = plain
        self._streams = streams

    def record(self, write: Callable[[Ops], object], role: Role | None = None) -> Act:
        """A call that gives everything to a stream.

        A proxy's on another device has copies at both ends: `Exchange.piece` is what is captured.
        """
        work = self._plain.record(write)
        return Act(role, work if role in PROXIES else self._streams.piece(work))

    def sample(
        self, logits: Sequence[Tensor], rows: SampleRows, begin: int, draws: SampleDraws
    ) -> Act:
        """A call that draws, behind all that was before."""
        return Act(None, self._streams.piece(self._plain.sample(logits, rows, begin, draws)))

    def launch(
        self,
        first: Sequence[Act],
        drafts: Sequence[Draft],
        verify: Sequence[Sequence[Act]],
        *,
        often: bool,
    ) -> StreamLaunch | OftenLaunch:
        """With every draft fed, there is one order."""
        fed = [act for draw, feed, _ in drafts for act in (*draw, *feed)]
        launch = StreamLaunch(self._streams, [*first, *fed, *verify[-1]], len(drafts))
        if not (often and self._streams.graphs):
            return launch
        return OftenLaunch(self._streams, self._streams.whole(launch.run), launch.drafts)
