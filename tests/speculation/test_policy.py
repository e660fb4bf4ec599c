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


class Crowd:
    """Sequences that are written together, on a machine whose steps are dearer above 16 rows."""

    def __init__(
        self, speculate: str | int, running: int, rate: float, each: float, seed: int = 1
    ) -> None:
        self.speculator = Speculator(speculate, WEIGHTS)
        self.sequences = [written(at, 10**6) for at in range(running)]
        self._rate, self._each, self._rng = rate, each, random.Random(seed)
        self._drafted = False  # in the last step

    @property
    def tokens(self) -> int:
        return sum(len(one.continuation) for one in self.sequences)

    def step(self) -> tuple[int, float]:
        """Drafts of all, and how long the step takes; what is measured is noisier than that."""
        self.speculator.begin(len(self.sequences))
        tried = [self.speculator.draft(one).length for one in self.sequences]
        held = [next((n for n in range(t) if self._rng.random() >= self._rate), t) for t in tried]
        fared = [Verified(*one) for one in zip(tried, held, strict=True)]
        self.speculator.observe(self._plan(tried), fared)
        rows = len(tried) + sum(tried)
        took = PLAIN + max(tried) * self._each + (0.2 * PLAIN if rows > 16 else 0)
        cold = 1.2 if self._drafted and not rows > len(tried) else 1.0  # of all caches
        late = 5 if self._rng.random() < 0.02 else 1
        self.speculator.timed(took * cold * self._rng.lognormvariate(0, 0.1) * late)
        self._drafted = any(tried)
        for one, count in zip(self.sequences, held, strict=True):
            one.continuation += [self._rng.randrange(10**6) for _ in range(count + 1)]
        return sum(tried), took

    def _plan(self, tried: list[int]) -> Plan:
        both = list(zip(self.sequences, tried, strict=True))
        slices = {role: [Slice(one, one.lanes[role], 0, t + 1) for one, t in both] for role in Role}
        samples = [Sample(one, len(one.continuation), t + 1, (), t) for one, t in both]
        return Plan(Trio(slices), samples)


@pytest.mark.parametrize("running", [1, 4])
def test_two_steps_in_a_while_are_run_without_drafts_and_the_second_is_measured(
    running: int,
) -> None:
    crowd = Crowd("auto", running, 0.9, 40.0)
    plain, timed = [], crowd.speculator._evidence.plain_steps
    for at in range(600):
        before = timed(True, running)
        drafts, _ = crowd.step()
        plain += [(at, timed(True, running) > before)] if not drafts else []
    late = [one for one in plain if one[0] > 100]
    assert [measured for _, measured in late] == [False, True] * (len(late) // 2)
    assert 2 * 4 <= len(late) <= 2 * 6


def crowded(speculate: str | int, rate: float, each: float, running: int) -> float:
    """Microseconds of a step's time that a token of all takes, once all is learned."""
    crowd = Crowd(speculate, running, rate, each)
    for _ in range(300):
        crowd.step()
    before = crowd.tokens
    total = sum(crowd.step()[1] for _ in range(1000))
    return total / (crowd.tokens - before)


@pytest.mark.parametrize("running", [2, 4, 7])
@pytest.mark.parametrize("each", [30.0, 150.0])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.7, 0.9])
def test_several_are_near_the_best_number_for_all(rate: float, each: float, running: int) -> None:
    best = min(crowded(drafts, rate, each, running) for drafts in (0, 1, 2, 3, 4, 6, 8, 12, 16))
    assert crowded("auto", rate, each, running) < 1.1 * best
