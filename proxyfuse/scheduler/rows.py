"""Rows of the sampler: how many a sequence wants, and where it stands after some were drawn."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq

from proxyfuse.plan import Draft, Sample
from proxyfuse.sequence import Sequence

Drafts = Callable[[Sequence], Draft]  # what is to be verified beyond a sequence's next token


def no_drafts(sequence: Sequence) -> Draft:
    """Plain decoding: nothing is proposed ahead."""
    return Draft()


def wanted(sequence: Sequence, drafts: Drafts) -> tuple[int, Draft]:
    """Rows worth sampling: of known tokens or, while writing, of the next and its drafts."""
    known = len(sequence.continuation) - sequence.row
    if sequence.given:
        assert known > 0, "everything given was scored: it should have been retired"
        return known, Draft()
    if known:
        return known + 1, Draft()
    draft = drafts(sequence)
    return 1 + (len(draft.tokens) or draft.length), draft


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
