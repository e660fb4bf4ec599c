"""The protocol of `bench/` and of `proxyfuse bench`: in turn, pair by pair, against a floor."""

from proxyfuse.measure.floor import (
    ReadStream,
    bytes_a_token,
    share_of_floor,
    streamed_weights,
)
from proxyfuse.measure.machine import gpu_bytes, machine, machine_name, peak_memory
from proxyfuse.measure.protocol import Run, asleep, in_turn, in_turns, seconds
from proxyfuse.measure.spread import (
    Spread,
    error_of_median,
    percentile,
    ratios,
    relative_error,
    times_faster,
)

__all__ = [
    "ReadStream",
    "Run",
    "Spread",
    "asleep",
    "bytes_a_token",
    "error_of_median",
    "gpu_bytes",
    "in_turn",
    "in_turns",
    "machine",
    "machine_name",
    "peak_memory",
    "percentile",
    "ratios",
    "relative_error",
    "seconds",
    "share_of_floor",
    "streamed_weights",
    "times_faster",
]
