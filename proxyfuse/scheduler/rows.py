"""Rows of the sampler: how many a sequence wants, and where it stands after some were drawn."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq

from proxyfuse.plan import Sample
from proxyfuse.sequence import Sequence

Drafts = Callable[[Sequence], int]  # how many tokens beyond the next one are to be verified


def no_drafts(sequence: Sequence) -> int:
    """Plain decoding: nothing is proposed ahead."""
    return 0


def wanted(sequence: Sequence, drafts: Drafts) -> int:
    """Rows worth sampling: of known tokens and, while writing, of the next and its drafts."""
    known = len(sequence.continuation) - sequence.row
    if sequence.given:
        assert known > 0, "everything given was scored: it should have been retired"
        return known
    return known + 1 if known else 1 + drafts(sequence)


def settle_rows(sample: Sample, tokens: Seq[int]) -> None:
    """Append drawn tokens, go on to the row after them, and take back what was computed past it.

    Rows whose token was known before they were sampled are passed without one.
    """
    sequence = sample.sequence
    known = min(sample.count, len(sequence.continuation) - sample.row)
    settled = known + len(tokens)
    assert settled <= sample.count, "more tokens kept than drawn"
    sequence.continuation.extend(tokens)
    sequence.row = sample.row + settled
    if settled < sample.count:
        for lane in sequence.lanes.values():
            lane.computed = min(lane.computed, sequence.front(lane))
