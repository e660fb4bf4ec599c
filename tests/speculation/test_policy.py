"""The policy against a machine and a text that are known: near the best fixed number of drafts."""

from __future__ import annotations

import random

import pytest

from proxyfuse.plan import Plan, Sample, Slice
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.speculation import Speculator
from proxyfuse.speculation.fared import Verified
from proxyfuse.trio import Role, Trio

PLAIN = 300.0  # microseconds of a step without drafts
TOKENS, SEQUENCES = 96, 16
WEIGHTS = {Role.BASE: 14, Role.EXPERT: 2, Role.ANTIEXPERT: 2}


def written(at: int, limit: int = TOKENS) -> Sequence:
    lanes = Trio({role: Lane((1, 2, 3)) for role in Role})
    return Sequence(str(at), 0, SamplingParams(), 1.0, 0, lanes, limit=limit)


def per_token(speculate: str | int, rate: float, each: float, seed: int = 0) -> float:
    """Microseconds a token, where drafts of the expert hold at `rate`, and no others do."""
    rng = random.Random(seed)
    speculator = Speculator(speculate, WEIGHTS)
    total = tokens = 0.0
    for at in range(SEQUENCES):
        sequence = written(at)
        while len(sequence.continuation) < TOKENS:
            total += step(speculator, sequence, rate, each, rng)
        speculator.forget(sequence)
        tokens += len(sequence.continuation)
    return total / tokens


def step(
    speculator: Speculator, sequence: Sequence, rate: float, each: float, rng: random.Random
) -> float:
    """One step of one sequence; how long it takes. Its measured time is noisier than that."""
    speculator.begin(1)
    draft = speculator.draft(sequence)
    tried = draft.length or len(draft.tokens)
    drawer, *_ = speculator.how
    held = 0
    while drawer is Role.EXPERT and draft.length and held < tried and rng.random() < rate:
        held += 1
    count = tried + 1
    slices = Trio(
        {role: [Slice(sequence, lane, 0, count)] for role, lane in sequence.lanes.items()}
    )
    sample = Sample(sequence, len(sequence.continuation), count, draft.tokens, draft.length)
    speculator.observe(Plan(slices, [sample]), [Verified(tried, held)])
    took = PLAIN + tried * each
    speculator.timed(took * rng.lognormvariate(0, 0.1) * (5 if rng.random() < 0.02 else 1))
    sequence.continuation += [rng.randrange(10**6) for _ in range(held + 1)]
    return took


@pytest.mark.parametrize("each", [20.0, 50.0, 120.0])
@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_drafts_that_do_not_hold_cost_next_to_nothing(rate: float, each: float) -> None:
    assert per_token("auto", rate, each) < 1.05 * PLAIN


@pytest.mark.parametrize("each", [20.0, 50.0, 120.0, 300.0])
@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7, 0.9, 0.99])
def test_it_finds_what_pays(rate: float, each: float) -> None:
    best = min(per_token(drafts, rate, each) for drafts in (0, 1, 2, 3, 4, 6, 8, 12, 16))
    assert per_token("auto", rate, each) < 1.2 * best


@pytest.mark.parametrize("running", [1, 4])
def test_two_steps_in_a_while_are_run_without_drafts_and_the_second_is_measured(
    running: int,
) -> None:
    rng, speculator = random.Random(0), Speculator("auto", WEIGHTS)
    sequences = [written(at, 10**6) for at in range(running)]
    plain, timed = [], speculator._evidence.plain_steps
    for at in range(600):
        before = timed(True, running)
        drafts, _ = together(speculator, sequences, 0.9, 40.0, rng)
        plain += [(at, timed(True, running) > before)] if not drafts else []
    late = [one for one in plain if one[0] > 100]
    assert [measured for _, measured in late] == [False, True] * (len(late) // 2)
    assert 2 * 4 <= len(late) <= 2 * 6


def together(
    speculator: Speculator,
    sequences: list[Sequence],
    rate: float,
    each: float,
    rng: random.Random,
) -> tuple[int, float]:
    """One step of several: drafts of all, and how long it takes; dearer from 16 rows on."""
    speculator.begin(len(sequences))
    tried = [speculator.draft(one).length for one in sequences]
    held = [next((n for n in range(t) if rng.random() >= rate), t) for t in tried]
    slices = {
        role: [
            Slice(one, one.lanes[role], 0, t + 1) for one, t in zip(sequences, tried, strict=True)
        ]
        for role in Role
    }
    samples = [
        Sample(one, len(one.continuation), t + 1, (), t)
        for one, t in zip(sequences, tried, strict=True)
    ]
    fared = [Verified(*one) for one in zip(tried, held, strict=True)]
    speculator.observe(Plan(Trio(slices), samples), fared)
    rows = len(sequences) + sum(tried)
    took = PLAIN + max(tried) * each + (0.2 * PLAIN if rows > 16 else 0)
    cold = 1.2 if not any(tried) else 1.0  # the first such step, of which the others know nothing
    speculator.timed(took * cold * rng.lognormvariate(0, 0.1) * (5 if rng.random() < 0.02 else 1))
    for one, count in zip(sequences, held, strict=True):
        one.continuation += [rng.randrange(10**6) for _ in range(count + 1)]
    return sum(tried), took


def crowded(speculate: str | int, rate: float, each: float, running: int) -> float:
    """Microseconds of a step's time that a token of all takes, once all is learned."""
    rng, speculator = random.Random(1), Speculator(speculate, WEIGHTS)
    sequences = [written(at, 10**6) for at in range(running)]
    for _ in range(300):
        together(speculator, sequences, rate, each, rng)
    written_before = sum(len(one.continuation) for one in sequences)
    total = sum(together(speculator, sequences, rate, each, rng)[1] for _ in range(1000))
    return total / (sum(len(one.continuation) for one in sequences) - written_before)


@pytest.mark.parametrize("running", [2, 4, 7])
@pytest.mark.parametrize("each", [30.0, 150.0])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.7, 0.9])
def test_several_are_near_the_best_number_for_all(rate: float, each: float, running: int) -> None:
    best = min(crowded(drafts, rate, each, running) for drafts in (0, 1, 2, 3, 4, 6, 8, 12, 16))
    assert crowded("auto", rate, each, running) < 1.1 * best
