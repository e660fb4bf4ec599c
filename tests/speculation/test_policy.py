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


def written(at: int) -> Sequence:
    lanes = Trio({role: Lane((1, 2, 3)) for role in Role})
    return Sequence(str(at), 0, SamplingParams(), 1.0, 0, lanes, limit=TOKENS)


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


def test_a_step_in_a_while_is_measured_without_drafts() -> None:
    speculator, sequence = Speculator("auto", WEIGHTS), written(0)
    lengths = []
    for _ in range(200):
        speculator.begin(1)
        lengths.append(speculator.draft(sequence).length)
    assert 0 < lengths.count(0) < 80
