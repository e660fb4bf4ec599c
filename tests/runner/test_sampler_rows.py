"""What is kept from step to step is never more than what did not change."""

from __future__ import annotations

import pytest

from proxyfuse.plan import Sample
from proxyfuse.runner.layout import lay_out
from proxyfuse.runner.sampler_rows import SamplerWriter, sampler_fields
from proxyfuse.runner.staging import Staging
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.proxy_sample import SampleRows


def writing(**params: object) -> Sequence:
    lanes = Trio({role: Lane((1, 2, 3)) for role in Role})
    return Sequence("a", 0, SamplingParams(**params), 1.0, 0, lanes)


def writer() -> SamplerWriter:
    return SamplerWriter(Staging(sampler_fields(8), None), 50, None)


def written(to: SamplerWriter, *samples: Sample) -> SampleRows:
    return to.write(list(samples), lay_out(samples))


def test_only_positions_change_from_step_to_step() -> None:
    to, one, two = writer(), writing(temperature=0.5), writing(logit_bias={3: 1.0})
    rows = written(to, Sample(one, 0, 1), Sample(two, 4, 1))
    again = written(to, Sample(one, 1, 1), Sample(two, 5, 1))
    assert again is rows and rows.position.tolist() == [1, 5]
    assert rows.temperature.tolist() == [0.5, 1.0] and rows.bias_start.tolist() == [0, 0, 1]


def test_fewer_rows_do_not_stand_for_more() -> None:
    """Rows of one sequence were kept alone; those that come back after it are not among them."""
    to, one, two = writer(), writing(), writing(frequency_penalty=0.5, logit_bias={3: 1.0})
    both = (Sample(one, 0, 1), Sample(two, 0, 1))
    wanted = written(to, *both)
    written(to, Sample(one, 1, 1))
    rows = written(to, *both)
    assert rows.bias_start.tolist() == wanted.bias_start.tolist() == [0, 0, 1]
    assert rows.history.tolist() == [1, 2, 3, 0] and rows.history_end.tolist() == [0, 3]


def test_one_sequence_that_drafts_more_finds_its_columns_written() -> None:
    to, one, two = writer(), writing(temperature=0.5), writing(temperature=0.7)
    calls: list[int] = []
    original = to._write_lasting
    to._write_lasting = lambda of: (calls.append(len(of)), original(of))[1]  # type: ignore[method-assign, func-returns-value]
    for count in (2, 5, 3, 8, 1):
        rows = written(to, Sample(one, 0, count, drawn=count - 1))
        assert rows is to.plain and rows.temperature[:count].tolist() == [0.5] * count
        assert rows.position[:count].tolist() == list(range(count))
    assert calls == [8]
    rows = written(to, Sample(one, 0, 1), Sample(two, 0, 1))
    assert rows.temperature[:2].tolist() == [0.5, pytest.approx(0.7)]


def test_more_rows_of_one_sequence_have_their_own_bias() -> None:
    to, one = writer(), writing(logit_bias={3: 1.0}, allowed_token_ids=(3, 4))
    for count in (2, 5, 3, 5):
        rows = written(to, Sample(one, 0, count, drawn=count - 1))
        assert rows.bias_start.tolist()[: count + 1] == list(range(count + 1))
        assert rows.allowed_row is not None and len(rows.allowed_row) >= count
