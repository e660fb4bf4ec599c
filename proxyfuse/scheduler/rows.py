"""Rows of the sampler: how many a sequence wants, and where it stands after some were drawn."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq

from proxyfuse.plan import NOTHING, Draft, Sample
from proxyfuse.sequence import Sequence

# What is to be verified beyond a sequence's next token; None, while rows of it are in flight: that
# depends on them.
Drafts = Callable[[Sequence], Draft | None]


def no_drafts(sequence: Sequence) -> Draft:
    """Plain decoding: nothing is proposed ahead."""
    return NOTHING


def follows(sequence: Sequence) -> bool:
    """Whether its next rows can be planned before those in flight are settled: nothing but the
    models looks at what those draw, and they are not of tokens that are known."""
    return not sequence.given and sequence.row >= 0 and not sequence.params.changes


def wanted(sequence: Sequence, drafts: Drafts) -> tuple[int, Draft]:
    """Rows worth sampling: of known tokens or, while writing, of the next and its drafts.

    None where rows in flight have to be settled first, or may turn out to be the last.
    """
    if sequence.ahead and (sequence.reach >= sequence.limit or not follows(sequence)):
        return 0, NOTHING
    known = max(len(sequence.continuation) - sequence.reach, 0)
    if sequence.given:
        assert known > 0, "everything given was scored: it should have been retired"
        return known, NOTHING
    if known:
        return known + 1, NOTHING
    draft = drafts(sequence)
    if draft is None:
        return 0, NOTHING
    return 1 + (len(draft.tokens) or draft.length), draft


def settle_rows(sample: Sample, tokens: Seq[int]) -> None:
    """Append drawn tokens, go on to the row after them, and take back what was computed past it.

    Rows whose token was known before they were sampled are passed without one.
    """
    sequence = sample.sequence
    known = min(sample.count, len(sequence.continuation) - sequence.row)
    settled = known + len(tokens)
    assert settled <= sample.count, "more tokens kept than drawn"
    sequence.continuation.extend(tokens)
    sequence.row += settled
    sequence.ahead -= sample.count
    if settled < sample.count:
        for lane in sequence.lanes.values():  # one that was preempted since has computed nothing
            lane.computed = max(lane.computed - (sample.count - settled), 0)
