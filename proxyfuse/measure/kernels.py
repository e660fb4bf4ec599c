"""Every version of an operation in turn, on cold inputs, against a plain read of memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from proxyfuse.measure.floor import ReadStream, share_of_floor
from proxyfuse.measure.ops.case import (
    RIVALS,
    Buffers,
    Case,
    Implementation,
    Judge,
    Place,
    WrongResultError,
)
from proxyfuse.measure.protocol import Run, in_turn, seconds
from proxyfuse.measure.sample import Sample
from proxyfuse.measure.spread import Spread, ratios

LED_IN = 0.02  # seconds of runs before the one that is timed
PATIENCE = 0.1  # seconds; who takes longer for one call is not asked for more rows
MOST_COPIES = 1024
MOST_SAID = 500  # characters of what a rival raised: compilers say whole pages
REFERENCE = "reference"  # reads sizes back to the host, which no graph can
ROOM = 1 << 30  # bytes that all copies of the inputs may take, where one does not take more
CACHE = 32 << 20  # bytes, where the system does not tell


@dataclass(frozen=True)
class Timed:
    """What one case took."""

    case: Case
    seconds: dict[str, list[float]]  # of one call, one value a round
    reads: list[float]  # seconds of the read, in the same rounds
    read_bytes: int
    cold: bool  # whether the inputs in rotation are larger than the caches
    captured: list[str]  # versions in `seconds` whose calls are nodes of a CUDA graph
    too_slow: dict[str, float]  # seconds of one call, here or at fewer rows
    failed: dict[str, str]  # rivals that raised something here, and what

    @property
    def best(self) -> str:
        """Ours: the first, which is the fastest that this machine was thought to have."""
        return next(iter(self.seconds))

    def share(self, name: str) -> Spread:
        """Of the floor, which is the time to read as many bytes as the case must move."""
        return share_of_floor(self.reads, self.seconds[name], self.read_bytes, self.case.bytes)

    def record(self) -> dict[str, Any]:
        """As plain data; times in microseconds, rates in GB/s."""
        ours = self.seconds[self.best]
        ways = {
            name: {
                "us": vars(Spread.of([1e6 * value for value in spent])),
                "gb_per_s": vars(Spread.of([self.case.bytes / 1e9 / value for value in spent])),
                "share_of_floor": vars(self.share(name)),
                "times_slower": vars(ratios(spent, ours)),
            }
            for name, spent in self.seconds.items()
        }
        about = {"op": self.case.op, **self.case.sizes, "bytes": self.case.bytes}
        how = {"cold": self.cold, "captured": self.captured, "too_slow": self.too_slow}
        return about | how | {"failed": self.failed, "implementations": ways}


def time_cases(
    cases: Iterable[Case], place: Place, stream: ReadStream, rounds: int
) -> Iterator[Timed]:
    """Time each case once all its versions are right; raises `WrongResultError` if one is not.

    Cases of one family come with rows ascending: a version that took longer than `PATIENCE` is left
    out of those that follow.
    """
    slow: dict[object, dict[str, float]] = {}
    for case in cases:
        timed = time_case(case, place, stream, rounds, slow.get(case.family, {}))
        slow[case.family] = timed.too_slow
        yield timed


def time_case(
    case: Case,
    place: Place,
    stream: ReadStream,
    rounds: int,
    too_slow: Mapping[str, float] = MappingProxyType({}),
) -> Timed:
    """The gate, then every version and the read in turn, but those that are `too_slow`.

    A rival that raises anything but `WrongResultError` is left out; one of ours is not forgiven.
    """
    graphs = place.device.type == "cuda"
    if graphs:  # what is compiled there is compiled for this case alone
        torch.compiler.reset()
    versions = {n: one for n, one in case.implementations.items() if n not in too_slow}
    buffers = case.make()
    judge = case.gate(buffers)
    failed: dict[str, str] = {}
    right = [name for name, one in versions.items() if _passes(name, one, judge, failed)]
    copies, cold = _rotation(buffers, case, 2 * cache_bytes(place))
    samples: dict[str, Sample] = {}
    for name in right:
        with _forgiven(name, failed):
            calls = [versions[name](buffers) for buffers in copies]
            samples[name] = Sample(calls, place.device, graphs and name != REFERENCE)
    stays = (next(iter(samples)), min(samples, key=lambda name: samples[name].once))
    late = {n: one.once for n, one in samples.items() if one.once > PATIENCE and n not in stays}
    samples = {name: sample for name, sample in samples.items() if name not in late}
    captured = [name for name, sample in samples.items() if sample.captured]
    runs: list[Run] = [*samples.values(), stream]
    *columns, reads = in_turn([partial(_led_in, run) for run in runs], rounds)
    spent = {
        name: [value / sample.calls for value in column]
        for (name, sample), column in zip(samples.items(), columns, strict=True)
    }
    return Timed(case, spent, reads, stream.bytes, cold, captured, {**too_slow, **late}, failed)


def _passes(name: str, version: Implementation, judge: Judge, failed: dict[str, str]) -> bool:
    """Whether it is right, or else a rival that failed to say."""
    with _forgiven(name, failed):
        judge(name, version)
    return name not in failed


@contextmanager
def _forgiven(name: str, failed: dict[str, str]) -> Iterator[None]:
    """What a rival raises is written down, and the others go on; a wrong result never is."""
    try:
        yield
    except WrongResultError:
        raise
    except Exception as error:
        if name not in RIVALS:
            raise
        failed[name] = f"{type(error).__name__}: {error}"[:MOST_SAID]


def _led_in(run: Run) -> float:
    """Seconds of a run after untimed ones: a neighbour's threads may spin as long as these last."""
    spent = 0.0
    while spent < LED_IN:
        spent += seconds(run)
    return seconds(run)


def _rotation(buffers: Buffers, case: Case, enough: int) -> tuple[list[Buffers], bool]:
    """Copies of the inputs, and whether a turn through them moves `enough` bytes to be cold."""
    size = sum(tensor.nbytes for tensor in buffers.values())
    count = min(math.ceil(enough / case.bytes), MOST_COPIES, max(ROOM // size, 1))
    more = [{name: x.clone() for name, x in buffers.items()} for _ in range(count - 1)]
    return [buffers, *more], count * case.bytes >= enough


def cache_bytes(place: Place) -> int:
    """The last-level cache of the device."""
    if place.device.type == "cuda":
        return int(torch.cuda.get_device_properties(place.device).L2_cache_size)
    told = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
    return int(told.read_text().strip().rstrip("K")) << 10 if told.exists() else CACHE
