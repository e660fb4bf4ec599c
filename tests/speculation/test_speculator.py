"""What is drafted, for whom, and what is learned of it."""

from __future__ import annotations

from math import exp, inf

import pytest

from proxyfuse.plan import Draft, Plan, Sample, Slice
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.speculation import Speculator
from proxyfuse.speculation.fared import Verified
from proxyfuse.trio import Role, Trio

WEIGHTS = {Role.BASE: 90, Role.EXPERT: 5, Role.ANTIEXPERT: 5}
REPEATED = (7, 8, 9, 5, 6, 4, 7, 8, 9)


def sequence(prompt: tuple[int, ...] = (1, 2, 3), *, limit: int = 99, lanes: int = 3) -> Sequence:
    made = Trio({role: Lane(prompt) for role in tuple(Role)[:lanes]})
    return Sequence("a", 0, SamplingParams(), 1.0, 0, made, limit=limit)


def writes(*samples: Sample) -> Plan:
    slices = [Slice(s.sequence, s.sequence.lanes.base, 0, s.count) for s in samples]
    return Plan(Trio(dict.fromkeys(Role, slices)), list(samples))


def drafted(speculator: Speculator, one: Sequence, running: int = 1) -> Draft:
    speculator.begin(running)
    return speculator.draft(one)


def test_a_fixed_number_is_drawn_by_the_expert_or_looked_up() -> None:
    speculator = Speculator(4, WEIGHTS)
    assert drafted(speculator, sequence()) == Draft(4)
    assert speculator.how == (Role.EXPERT, -inf, 1.0)
    assert drafted(speculator, sequence(lanes=1)) == Draft()
    assert drafted(speculator, sequence(REPEATED, lanes=1)) == Draft(tokens=(5, 6, 4, 7))


def test_no_draft_is_longer_than_what_is_still_to_be_written() -> None:
    speculator, one = Speculator(4, WEIGHTS), sequence(limit=5)
    lengths = []
    for token in range(5):
        lengths.append(drafted(speculator, one).length)
        one.continuation.append(token)
    assert lengths == [4, 3, 2, 1, 0]
    looked_up = drafted(speculator, sequence(REPEATED, limit=3, lanes=1))
    assert looked_up.tokens == (5, 6)


def test_every_running_sequence_keeps_a_row() -> None:
    speculator = Speculator(8, WEIGHTS, rows=12)
    lengths = [
        drafted(speculator, sequence(), running).length for running in (0, 1, 2, 4, 6, 12, 13)
    ]
    assert lengths == [8, 8, 5, 2, 1, 0, 0]


def test_what_cannot_be_drawn_is_not_drafted() -> None:
    """The prompt of the base may hold ids that only its own embedding knows."""
    prompt = (7, 8, 9, 5, 600, 4, 7, 8, 9)
    assert drafted(Speculator(4, WEIGHTS, vocab=600), sequence(prompt, lanes=1)).tokens == (5,)
    assert drafted(Speculator(4, WEIGHTS, vocab=601), sequence(prompt, lanes=1)).tokens[1] == 600


def test_what_was_written_is_looked_up_too() -> None:
    speculator, one = Speculator(3, WEIGHTS), sequence((1, 2), lanes=1)
    assert drafted(speculator, one) == Draft()
    one.continuation += [5, 6, 1, 2]
    assert drafted(speculator, one) == Draft(tokens=(5, 6, 1))
    one.continuation += [5]
    assert drafted(speculator, one) == Draft(tokens=(6, 1, 2))


def step(speculator: Speculator, one: Sequence, right: Role) -> Draft:
    """One step of one sequence: drafts of one model always hold, the other's never do."""
    draft, at = drafted(speculator, one), len(one.continuation)
    held = draft.length if speculator.drawer is right else 0
    sample = Sample(one, at, 1 + draft.length, drawn=draft.length)
    speculator.observe(writes(sample), [Verified(draft.length, held)])
    speculator.timed(1 + 0.1 * draft.length)
    one.continuation.append(10 + at)
    return draft


@pytest.mark.parametrize("right", [Role.EXPERT, Role.ANTIEXPERT])
def test_auto_finds_the_model_that_drafts_well(right: Role) -> None:
    speculator, one = Speculator("auto", WEIGHTS), sequence(limit=10**6)
    lengths = [step(speculator, one, right).length for _ in range(300)]
    assert speculator.drawer is right and max(lengths[-9:]) >= 4
    assert 0 < exp(speculator.least) < 1


def test_a_batch_drafts_as_many_for_each_from_the_expert() -> None:
    speculator = Speculator("auto", WEIGHTS)
    sequences = {right: sequence(limit=10**6) for right in (Role.EXPERT, Role.ANTIEXPERT)}
    for _ in range(300):
        for right, one in sequences.items():
            step(speculator, one, right)
    lengths = []
    for _ in range(20):
        speculator.begin(2)
        first, second = (speculator.draft(one) for one in sequences.values())
        assert first == second and not first.tokens and speculator.drawer is Role.EXPERT
        lengths.append(first.length)
    assert any(lengths)


def test_auto_believes_a_text_that_repeats_itself() -> None:
    speculator = Speculator("auto", {Role.BASE: 1})
    one = sequence((90, 91), limit=10**6, lanes=1)
    lengths = []
    for at in range(60):
        tokens = drafted(speculator, one).tokens
        lengths.append(len(tokens))
        sample = Sample(one, at, 1 + len(tokens), proposed=tokens)
        speculator.observe(writes(sample), [Verified(len(tokens), len(tokens))])
        speculator.timed(1 + 0.05 * len(tokens))
        one.continuation.append(at % 5)
    assert lengths[:7] == [0] * 7 and max(lengths[20:]) >= 4


def test_a_sequence_that_ended_is_forgotten() -> None:
    speculator, one = Speculator(2, WEIGHTS), sequence()
    drafted(speculator, one)
    speculator.forget(one)
    speculator.forget(one)
    speculator.observe(writes(Sample(one, 0, 3, drawn=2)), [Verified(2, 2)])
    assert not speculator._sequences


def test_batches_that_are_filled_up_draft_few_lengths() -> None:
    speculator = Speculator(14, {Role.BASE: 8, Role.EXPERT: 1}, rows=60, batches=[1, 2, 4])
    assert speculator.lengths == (1, 2, 3, 4, 5, 6, 8, 10, 12, 14)
    for limit, running, length in ((99, 1, 14), (14, 1, 12), (10, 1, 8), (2, 1, 1), (99, 3, 14)):
        assert drafted(speculator, sequence(limit=limit), running).length == length
    tight = Speculator(14, {Role.BASE: 8, Role.EXPERT: 1}, rows=30, batches=[1, 2, 4])
    assert drafted(tight, sequence(), 3).length == 6, "rows of four, of which one is nobody's"
    repeating = sequence((5, 6, 7) * 9, lanes=1, limit=10)
    assert len(drafted(speculator, repeating).tokens) == 8
    assert Speculator(0, {Role.BASE: 8}).lengths == ()
