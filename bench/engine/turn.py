"""One run of one rival on the clock, what it says of a token, and the runs of one turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

from bench.engine.reads import Beside
from bench.peers.peer import Text, Write
from proxyfuse import Metrics
from proxyfuse.measure import Spread, percentile


@dataclass(frozen=True)
class Run:
    """What a run wrote, and how many seconds it took."""

    texts: list[Text]
    seconds: float
    counted: Metrics | None = None  # by an engine that counts

    @property
    def per_token(self) -> float:
        """Seconds between two tokens of a sequence, within this run alone.

        From when a first token was there to when all were, so what comes before, reading prompts
        and waking threads, is no part of it; nor are tokens that came together with the first.
        Where all of them did, the run is too short to say: then its whole time, over its tokens.
        """
        first = min(text.times[0] for text in self.texts)
        last = max(text.times[-1] for text in self.texts)
        after = max(_after_first(text) for text in self.texts)
        if not after:
            return self.seconds / max(len(text.ids) for text in self.texts)
        return (last - first) / after

    @property
    def waits(self) -> list[float]:
        """Seconds from one arrival to the next in each text; what comes together is one."""
        pairs = [pair for text in self.texts for pair in pairwise(text.times)]
        return [after - before for before, after in pairs if after > before]

    @property
    def waited_for(self) -> int:
        """Tokens that those arrivals brought."""
        return sum(map(_after_first, self.texts))


Figure = Callable[[Run], float]


def whole(run: Run) -> float:
    """Seconds of a run."""
    return run.seconds


def per_token(run: Run) -> float:
    """Seconds between its tokens."""
    return run.per_token


@dataclass(frozen=True)
class Turn:
    """A rival's runs in one round, and what was seen beside them."""

    runs: list[Run]
    beside: Beside
    _known: dict[Figure, float] = field(default_factory=dict, compare=False, repr=False)

    def of(self, figure: Figure) -> float:
        """The median of its runs; worked out once, for before each round all turns are asked."""
        if figure not in self._known:
            self._known[figure] = median(map(figure, self.runs))
        return self._known[figure]


def _after_first(text: Text) -> int:
    return len(text.ids) - text.times.count(text.times[0])


def taken(write: Write, prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> Run:
    """One run, timed."""
    before = _metrics(write)
    begin = perf_counter()
    texts = write(prompts, lengths)
    seconds, after = perf_counter() - begin, _metrics(write)
    return Run(texts, seconds, after.since(before) if before and after else None)


def _metrics(write: Write) -> Metrics | None:
    return getattr(write, "metrics", None)


def host_times(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Of a step that a device runs beside the host: how long the host works, and then waits.

    Microseconds, a value for each run. Where it waits, none of its work is seen in the text's time.
    None where nobody counted such steps: on a CPU, and of other engines.
    """
    its = [run.counted for run in runs if run.counted and run.counted.steps]
    if not its:
        return None
    return {
        "steps": sum(one.steps for one in its),
        "host_us": vars(Spread.of([1e6 * one.host_seconds / one.steps for one in its])),
        "waited_us": vars(Spread.of([1e6 * one.waited_seconds / one.steps for one in its])),
    }


def drafts(runs: Sequence[Run]) -> dict[str, Any] | None:
    """What was drafted and kept in all of them; None of an engine that does not count."""
    its = [run.counted for run in runs if run.counted]
    if not its:
        return None
    names = ("base_passes", "drafted", "accepted")
    whole = Metrics(**{name: sum(getattr(one, name) for one in its) for name in names})
    found = {name: getattr(whole, name) for name in names}
    return found | {"tokens_per_base_pass": whole.tokens_per_base_pass}


def arrivals(runs: Sequence[Run]) -> dict[str, Any] | None:
    """What a reader of one text waits for the next arrival, over all turns.

    Drafts that are kept arrive together, so with them a wait brings `tokens_each` tokens. The p99
    of fewer than 100 waits is the longest. None where every text came all at once.
    """
    waits = [1e3 * wait for run in runs for wait in run.waits]
    if not waits:
        return None
    brought = sum(run.waited_for for run in runs)
    return {
        "count": len(waits),
        "tokens_each": brought / len(waits),
        "median_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
    }
