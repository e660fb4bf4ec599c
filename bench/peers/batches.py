"""For rivals without a scheduler: requests in static batches, in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence

from bench.peers.peer import Text, Write


def in_batches(write: Write, most: int) -> Write:
    """The same, for any number of prompts, `most` of them at once."""

    def run(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
        written: list[Text] = []
        for at in range(0, len(prompts), most):
            written += write(prompts[at : at + most], lengths[at : at + most])
        return written

    return run
