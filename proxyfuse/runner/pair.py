"""Expert and antiexpert as one forward of twice the rows, where both run the same few."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from torch import Tensor

from proxyfuse.models.decoder import Decoder
from proxyfuse.runner.forward import Forward
from proxyfuse.runner.joined import Joined
from proxyfuse.runner.stage import Part, Stage
from proxyfuse.trio import PROXIES, Role

log = logging.getLogger(__name__)

MOST = 16  # rows of each: what one tile of a product takes; above, there is less to share
UNTIMED, TIMED = 2, 9  # runs of a step either way: compiled and captured, then on the clock


@dataclass(frozen=True, slots=True)
class Paired:
    """What is asked for: a decoder of both proxies, and whether it must prove faster first."""

    decoder: Decoder
    measured: bool


class Pair:
    """The forward of both, each step's a part of a launch; it computes the bits of two."""

    def __init__(
        self,
        joined: Joined,
        forward: Forward,
        stage: Stage,
        *,
        measured: bool,
    ) -> None:
        """`forward`: over the joined rows, of up to 2 * MOST rows and samples."""
        self._joined = joined
        self._forward = forward
        self._stage = stage
        self._measured = measured
        self._counts = set() if measured else set(range(1, MOST + 1))
        self._joins: dict[int, Part] = {}  # of MOST at the most

    def takes(self, counts: Mapping[Role, tuple[int, int]]) -> bool:
        """Whether both proxies run the same rows, samples all, as many as run as one."""
        expert, antiexpert = (counts[role] for role in PROXIES)
        return expert == antiexpert and expert[0] == expert[1] and expert[0] in self._counts

    def join(self, count: int) -> Part:
        """What comes before: the step's rows, `count` of each proxy, are put side by side."""
        if count not in self._joins:
            self._joins[count] = self._stage.record(self._joined.join(count))
        return self._joins[count]

    def run(self, count: int) -> Part:
        """The forward of those rows."""
        both = len(PROXIES) * count
        return self._forward.run(both, both)

    def logits(self, role: Role, count: int) -> Tensor:  # [count, V] float32
        """Where a proxy's are; the next launch overwrites them."""
        return self._forward.logits(PROXIES.index(role) * count, count)

    def choose(self, count: int, run: Callable[[], object]) -> None:
        """Keep what is faster for so many rows, where that is to be measured.

        run: launches a step of them and waits for it. Both ways run in turn.
        """
        if not self._measured or count > MOST:
            return
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(UNTIMED + TIMED):
            for together, taken in seconds.items():
                self._keep(count, together)
                begin = perf_counter()
                run()
                taken.append(perf_counter() - begin)
        apart, as_one = (median(taken[UNTIMED:]) for taken in seconds.values())
        log.info("%d rows of each proxy: %.6f s apart, %.6f s as one", count, apart, as_one)
        self._keep(count, as_one < apart)

    def _keep(self, count: int, together: bool) -> None:
        (self._counts.add if together else self._counts.discard)(count)
