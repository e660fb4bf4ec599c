"""What a launch left on the device, and what it says once it has landed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from proxyfuse.plan import Plan
from proxyfuse_kernels.proxy_sample import SampleDraws


@dataclass(frozen=True, slots=True)
class Landed:
    """The draws of one step as plain numbers, a list entry for each sampler row."""

    tokens: list[int]
    logprobs: list[float]
    finite: list[bool]
    ranks: list[int] | None = None
    role_logprobs: list[list[float]] | None = None
    top_ids: list[list[int]] | None = None
    top_logprobs: list[list[float]] | None = None


@dataclass(frozen=True, slots=True)
class Flight:
    """A plan that is running on the device."""

    plan: Plan
    draws: SampleDraws | None  # None where the step sampled nothing

    def land(self) -> Landed:
        """Wait for the device and bring the draws up. The only place that waits."""
        draws = self.draws
        if draws is None:
            return Landed([], [], [])
        return Landed(
            tokens=draws.tokens.tolist(),
            logprobs=draws.logprobs.tolist(),
            finite=draws.finite.tolist(),
            ranks=_up(draws.ranks),
            role_logprobs=_up(draws.role_logprobs),
            top_ids=_up(draws.top_ids),
            top_logprobs=_up(draws.top_logprobs),
        )


def _up(tensor: Tensor | None) -> list | None:  # type: ignore[type-arg]
    return None if tensor is None else tensor.tolist()
