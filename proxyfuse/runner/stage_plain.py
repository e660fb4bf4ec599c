"""Plain torch operations on any device, run one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

import torch
from torch import Tensor

from proxyfuse.runner.stage import Draft
from proxyfuse.trio import Role
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows
from proxyfuse_kernels.reference import ReferenceOps

Act = Callable[[], object]
Draw = Callable[[Sequence[Tensor], SampleRows, SampleDraws], object]  # `Sampler.into`, or its like


@dataclass(frozen=True, slots=True)
class PlainLaunch:
    """Calls in their order. It never waits for the device, so every draft is fed."""

    acts: Sequence[Act]
    drafts: int

    @torch.inference_mode()
    def run(self, least: float = -inf, steepness: float = 1.0) -> int:
        """Call them all."""
        for act in self.acts:
            act()
        return self.drafts


class PlainStage:
    """Parts are calls."""

    stops_early = False

    def __init__(self, draw: Draw, ops: Ops | None = None) -> None:
        """`ops`: by default the plain ones."""
        self._ops = ops or ReferenceOps()
        self._draw = draw

    def record(self, write: Callable[[Ops], object], role: Role | None = None) -> Act:
        """A call that writes everything out."""
        return partial(write, self._ops)

    def sample(
        self, logits: Sequence[Tensor], rows: SampleRows, begin: int, draws: SampleDraws
    ) -> Act:
        """A call that draws."""
        return partial(self._draw, logits, rows.cut(begin, len(logits[0])), draws)

    def launch(
        self,
        first: Sequence[Act],
        drafts: Sequence[Draft],
        verify: Sequence[Sequence[Act]],
        *,
        often: bool,
    ) -> PlainLaunch:
        """With every draft fed, there is one order."""
        fed = [act for draw, feed, _ in drafts for act in (*draw, *feed)]
        return PlainLaunch([*first, *fed, *verify[-1]], len(drafts))
