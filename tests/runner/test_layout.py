"""Rows of the sampler: each stands once, in an order in which drafts can be read as they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.plan import Sample
from proxyfuse.runner.layout import lay_out
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio


def sequence(lanes: int) -> Sequence:
    made = Trio({role: Lane((1, 2)) for role in tuple(Role)[:lanes]})
    return Sequence("a", 0, SamplingParams(), 1.0, 0, made)


@st.composite
def plans(draw: st.DrawFn) -> list[Sample]:
    """Samples as the scheduler plans them: those of three lanes first, drafts of either kind."""

    def sample(lanes: int) -> Sample:
        kinds = ["none", "proposed", *(["drawn"] if lanes == 3 else [])]
        kind, count = draw(st.sampled_from(kinds)), draw(st.integers(1, 6))
        proposed = (9,) * (count - 1) if kind == "proposed" else ()
        drawn = count - 1 if kind == "drawn" else 0
        row = draw(st.integers(-3, 9))
        return Sample(sequence(lanes), row, count, proposed, drawn)

    three, one = draw(st.integers(0, 6)), draw(st.integers(0, 3))
    return [sample(3) for _ in range(three)] + [sample(1) for _ in range(one)]


@given(plans())
def test_every_row_stands_somewhere_once(samples: list[Sample]) -> None:
    layout = lay_out(samples)
    places = [place for entries in layout.entries for place in entries]
    assert sorted(places) == list(range(len(layout.rows)))
    for sample, entries in zip(samples, layout.entries, strict=True):
        wanted = [(sample.sequence, sample.row + step) for step in range(sample.count)]
        assert [layout.rows[place] for place in entries] == wanted
        assert entries == sorted(entries), "a row stands after those that it depends on"


@given(plans())
def test_rows_of_three_lanes_come_first(samples: list[Sample]) -> None:
    layout = lay_out(samples)
    lanes = [len(sequence.lanes) for sequence, _ in layout.rows]
    assert lanes == [3] * layout.fused + [1] * (len(lanes) - layout.fused)


@given(plans())
def test_each_draft_is_read_by_a_leading_part_of_those_who_drew_it(samples: list[Sample]) -> None:
    layout = lay_out(samples)
    assert {id(s) for s in layout.drafting} == {id(s) for s in samples if s.drawn}
    before = layout.rows[: len(layout.drafting)]
    assert before == [(sample.sequence, sample.row) for sample in layout.drafting]
    assert len(layout.stretches) == max((sample.drawn for sample in samples), default=0)
    end = None
    for draft, (begin, count) in enumerate(layout.stretches, 1):
        reading = layout.rows[begin : begin + count]
        assert reading == [(sequence, row + 1) for sequence, row in before[:count]]
        assert count == sum(sample.drawn >= draft for sample in samples)
        assert end is None or begin == end, "a gap between stretches"
        before, end = reading, begin + count


def test_of_equals_the_plan_s_order_stays() -> None:
    """So that the rows of a step look like those of the last one."""
    samples = [Sample(sequence(3), 0, count, drawn=count - 1) for count in (2, 4, 1, 2, 4)]
    layout = lay_out(samples)
    assert [samples.index(one) for one in layout.drafting] == [1, 4, 0, 3]
    assert layout.entries == [[2, 7], [0, 5, 9, 11], [4], [3, 8], [1, 6, 10, 12]]
