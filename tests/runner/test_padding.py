"""What is filled up, and with what."""

from __future__ import annotations

import pytest

from proxyfuse.plan import Plan, Sample, Slice
from proxyfuse.runner.layout import lay_out
from proxyfuse.runner.padding import Padding, sizes
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio

NULL = 99
SLOTS = {Role.BASE: 2, Role.EXPERT: 5, Role.ANTIEXPERT: 5}


def padding() -> Padding:
    return Padding(SLOTS, NULL, sequences=20, rows=70, drafts=6)


def plan(*sequences: tuple[int, int, int], before: int = 0) -> Plan:
    """Sequences of so many lanes, rows and drafts; `before`: rows of the first that only run."""
    slices: dict[Role, list[Slice]] = {role: [] for role in Role}
    samples = []
    for lanes, count, drawn in sequences:
        made = Trio({role: Lane((1,) * 9, pages=[3] * 20) for role in tuple(Role)[:lanes]})
        one = Sequence("a", 0, SamplingParams(), 1.0, 0, made)
        proposed = (7,) * (count - 1 - drawn)
        samples.append(Sample(one, 0, count, proposed, drawn))
        for role, lane in made.items():
            slices[role].append(Slice(one, lane, 8 - before, 8 + count))
        before = 0
    return Plan(Trio(slices), samples)


def test_sizes_end_with_the_most() -> None:
    assert sizes(1) == [1]
    assert sizes(3) == [1, 2, 3]
    assert sizes(8) == [1, 2, 4, 8]
    assert sizes(21) == [1, 2, 4, 8, 16, 21]
    assert sizes(64) == [1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64]


@pytest.mark.parametrize(("lanes", "drawn"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("drafts", [0, 1, 4])
@pytest.mark.parametrize("count", range(1, 15))
def test_a_batch_gets_the_next_size(count: int, drafts: int, drawn: bool, lanes: int) -> None:
    given = plan(*[(lanes, 1 + drafts, drafts if drawn else 0)] * count)
    filled, regular = padding().fill(given)
    size = next(size for size in sizes(20) if size >= count)
    assert regular == (size * (1 + drafts) <= 70)
    if not regular:
        assert filled is given
        return
    assert filled.samples[:count] == given.samples
    assert len(filled.samples) == size
    assert len(lay_out(filled.samples).rows) == size * (1 + drafts)
    for role, cuts in filled.slices.items():
        assert cuts[: len(given.slices[role])] == given.slices[role]
        assert sum(cut.stop - cut.start for cut in cuts) == size * (1 + drafts) * (role < lanes)
        for cut in cuts[len(given.slices[role]) :]:
            assert set(cut.lane.pages) == {NULL} and len(cut.lane.pages) * SLOTS[role] >= cut.stop


@pytest.mark.parametrize(
    "given",
    [
        plan(),
        plan((3, 1, 0), before=1),
        plan((3, 1, 0), (1, 1, 0)),
        plan((3, 2, 1), (3, 1, 0)),
        plan((3, 2, 1), (3, 2, 0)),
    ],
    ids=["nothing", "prefill", "roles", "drafts", "looked up and drawn"],
)
def test_what_has_no_regular_shape_is_left_alone(given: Plan) -> None:
    filled, regular = padding().fill(given)
    assert filled is given and not regular


def test_empty_plans_are_those_that_batches_are_filled_up_to() -> None:
    made = padding().empty(8, 2, tuple(Role))
    real, _ = padding().fill(plan(*[(3, 3, 2)] * 7))
    assert made is not None and len(made.samples) == len(real.samples) == 8
    assert padding().empty(20, 6, tuple(Role)) is None


def test_prompts_and_drafts_of_nobody_stay_on_their_page() -> None:
    (cut,) = padding().prompt(11).slices[Role.EXPERT]
    assert (cut.start, cut.stop, len(cut.lane.prompt)) == (0, 11, 11)
    assert cut.lane.pages == [NULL] * 3
    looked_up = padding().empty(1, 0, (Role.BASE,), 3)
    assert looked_up is not None
    assert (looked_up.samples[0].proposed, looked_up.samples[0].drawn) == ((0,) * 3, 0)
    assert padding().fill(looked_up) == (looked_up, True)
