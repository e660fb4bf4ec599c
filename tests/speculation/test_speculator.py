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
    speculator, one = Speculator("auto", WEIGHTS), sequence()
    draft = drafted(speculator, one)
    assert draft.length and len(speculator._sequences) == 1
    speculator.observe(writes(Sample(one, 0, 3, drawn=2)), [Verified(2, 2)])
    assert speculator._evidence._fared
    speculator.forget(one)
    assert not speculator._evidence._fared, "it would be kept there"
    speculator.forget(one)
    speculator.observe(writes(Sample(one, 0, 3, drawn=2)), [Verified(2, 2)])
    assert not speculator._sequences


def test_a_text_of_the_base_alone_takes_nothing_from_those_beside_it() -> None:
    """It is not looked up for, waits for nothing in flight, and is no reason to measure."""
    speculator = Speculator("auto", WEIGHTS)
    alone = sequence(REPEATED, limit=10**6, lanes=1)
    fused = [sequence(limit=10**6) for _ in range(2)]
    lengths = []
    for _ in range(600):
        speculator.begin(3)
        alone.ahead = 1
        assert speculator.draft(alone) == Draft()
        drafts = [speculator.draft(one).length for one in fused]
        assert drafts[0] == drafts[1]
        samples = [
            Sample(one, len(one.continuation), 1 + length, drawn=length)
            for one, length in zip(fused, drafts, strict=True)
        ]
        fared = [Verified(length, length) for length in drafts]
        last = Sample(alone, len(alone.continuation), 1)
        speculator.observe(writes(*samples, last), [*fared, Verified()])
        speculator.timed(1 + 0.1 * drafts[0])
        for one in (*fused, alone):
            one.continuation.append(10 + len(one.continuation))
        lengths.append(drafts[0])
    assert lengths[300:].count(0) < 10 and max(lengths[300:]) >= 6


def test_where_nothing_is_looked_up_for_a_while_nothing_is_waited_for() -> None:
    speculator, one = Speculator("auto", {Role.BASE: 1}), sequence((1, 2), limit=10**6, lanes=1)
    waited = []
    for step in range(400):
        one.ahead = 1  # rows of it are in flight
        draft = drafted(speculator, one)
        waited.append(draft is None)
        one.ahead = 0
        if draft is None:
            draft = drafted(speculator, one)
            assert draft is not None
        drafts = len(draft.tokens)
        sample = Sample(one, len(one.continuation), 1 + drafts, proposed=draft.tokens)
        speculator.observe(writes(sample), [Verified(drafts, 0)])
        speculator.timed(1 + 0.05 * drafts)
        one.continuation.append([1, 2, 100 + step][step % 3])  # it says wrong things
    assert waited[0] and sum(waited[200:]) < 100


def test_a_sequence_that_rests_costs_nothing_until_another_comes() -> None:
    """Nothing is asked or learned meanwhile; a new one is not taken for it."""
    speculator, one = Speculator("auto", {Role.BASE: 1}), sequence((1, 2), limit=10**6, lanes=1)
    asked = []
    original = speculator._alone.draft
    speculator._alone.draft = lambda *how: asked.append(how[0]) or original(*how)  # type: ignore[method-assign, func-returns-value]
    for token in range(200):
        assert drafted(speculator, one) == Draft()
        speculator.observe(writes(Sample(one, token, 1)), [Verified()])
        speculator.timed(1.0)
        one.continuation.append(100 + token)
    assert len(asked) < 40
    while not speculator._rest:
        drafted(speculator, one)
    other = sequence(REPEATED, limit=10**6, lanes=1)
    drafted(speculator, other)
    assert asked[-1] is other
    while not speculator._rest:
        drafted(speculator, one)
    speculator.forget(one)
    assert not speculator._rest and speculator._resting is None


def test_a_plan_made_before_the_last_was_observed_is_learned_from_all_the_same() -> None:
    """On a GPU step n + 1 is planned while n is running, and a neighbour may have left."""
    speculator = Speculator("auto", WEIGHTS)
    first, second = sequence(limit=10**6), sequence(limit=10**6)
    flying: tuple[Plan, list[Verified]] | None = None
    told = []
    original = speculator._evidence.begin

    def begin(plan: Plan, drawer: Role, drafts: float) -> None:
        told.append((max(sample.drawn for sample in plan.samples), drafts))
        original(plan, drawer, drafts)

    speculator._evidence.begin = begin  # type: ignore[method-assign]
    for at in range(2000):
        both = [first, second] if at % 20 < 10 else [first]
        speculator.begin(len(both))
        lengths = [speculator.draft(one).length for one in both]
        plan = writes(
            *(Sample(one, at, 1 + n, drawn=n) for one, n in zip(both, lengths, strict=True))
        )
        if flying is not None:
            speculator.observe(*flying)
            speculator.timed(1 + 0.1 * told[-1][0])
        flying = plan, [Verified(n, n) for n in lengths]
        first.continuation.append(10 + at)
    assert all(drawn == drafts for drawn, drafts in told)
    assert (
        speculator._evidence.plain_steps(True, 1) > 10 < speculator._evidence.plain_steps(True, 2)
    )


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
