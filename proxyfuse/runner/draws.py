"""What a launch left on the device, and what it says once it has landed."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from time import perf_counter

from proxyfuse.plan import Plan
from proxyfuse.runner.device import Event
from proxyfuse.runner.layout import Layout
from proxyfuse.runner.outcome import Risen
from proxyfuse.sequence import Sequence
from proxyfuse.speculation.fared import Verified, agreeing


@dataclass(frozen=True, slots=True)
class Landed:
    """The draws of one step as plain numbers, a list entry for each sampler row.

    entries[i]: the rows of the plan's sample i that hold, in order. A row that read a draft holds
    if the row before holds and drew that very token. fared[i]: what became of its drafts. waited:
    seconds that the host had nothing to do but wait for them.
    """

    entries: list[list[int]]
    fared: list[Verified]
    tokens: list[int]
    logprobs: list[float]
    finite: list[bool]
    ranks: list[int] | None = None
    role_logprobs: list[list[float]] | None = None
    top_ids: list[list[int]] | None = None
    top_logprobs: list[list[float]] | None = None
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Flight:
    """A plan that is running on the device."""

    plan: Plan
    layout: Layout  # of the plan's samples, and of what it was filled up with
    risen: Risen
    landed: Event | None  # None where the host computed: it is done
    fed: int  # drafts that were run, of those to be drawn
    familiar: bool  # such a step was launched before: nothing had to be recorded for it

    def land(self) -> Landed:
        """Wait for the device and bring the draws up. The only place that waits."""
        waited = self._waited()
        count = len(self.layout.rows)
        if not count:
            return Landed([], [], [], [], [], waited=waited)
        fixed, tops, more = self.risen
        tokens = fixed["tokens"][:count].tolist()
        drawn = self._drawn()
        entries, fared = [], []
        for sample, rows in zip(self.plan.samples, self.layout.entries, strict=False):
            drafts, margins = drawn[sample.sequence] if sample.drawn else (sample.proposed, ())
            holding = held(rows, drafts, tokens) if sample.drafts else rows
            entries.append(holding)
            fared.append(_fared(len(drafts), len(holding) - 1, margins))
        return Landed(
            entries=entries,
            fared=fared,
            tokens=tokens,
            logprobs=fixed["logprobs"][:count].tolist(),
            finite=fixed["finite"][:count].tolist(),
            ranks=fixed["ranks"][:count].tolist() if more else None,
            role_logprobs=fixed["role_logprobs"][:count].tolist() if more else None,
            top_ids=tops["top_ids"][:count].tolist() if tops else None,
            top_logprobs=tops["top_logprobs"][:count].tolist() if tops else None,
            waited=waited,
        )

    def _waited(self) -> float:
        """Seconds until the device was done."""
        if self.landed is None:
            return 0.0
        begun = perf_counter()
        self.landed.synchronize()
        return perf_counter() - begun

    def _drawn(self) -> dict[Sequence, tuple[list[int], list[float]]]:
        """The tokens drawn and fed for each drafting sequence; margins of all drawn, where told."""
        if not self.layout.drafting:
            return {}
        width = len(self.layout.drafting)
        tokens = self.risen.fixed["draft.ids"][: self.fed, :width].T.tolist()
        told = self.risen.fixed.get("draft.margins")
        margins = [[]] * width if told is None else told[: self.fed + 1, :width].T.tolist()
        return {
            sample.sequence: (tokens[at][: sample.drawn], margins[at][: sample.drawn])
            for at, sample in enumerate(self.layout.drafting)
        }


def held(rows: list[int], drafts: Seq[int], tokens: Seq[int]) -> list[int]:
    """The leading rows whose drafts agree with what the rows before them drew."""
    return rows[: 1 + agreeing(drafts, [tokens[row] for row in rows])]


def _fared(tried: int, held: int, margins: Seq[float]) -> Verified:
    """What became of drafts that were drawn by these margins."""
    if not tried:
        return Verified()
    return Verified(tried, held, tuple(margins[: held + 1]))
