"""What a row claims about a gap, on numbers made by hand."""

from dataclasses import replace

import pytest

from proxyfuse.demo.figures import NO_GAIN, NO_YARDSTICK, NOT_TAUGHT, Figure


def row(unit: str, base: list[float], expert: float, proxied: float, tuned: float) -> Figure:
    """A row whose other ways are the base moved by a constant."""
    moved = {
        way: [value + by for value in base]
        for way, by in (("base", 0.0), ("expert", expert), ("proxied", proxied), ("tuned", tuned))
    }
    return Figure("row", 1.0, unit, moved)


def test_the_share_of_the_gap_is_signed_by_what_is_better() -> None:
    base = [3.0, 2.0, 4.0]
    assert row("nats/token", base, -0.1, -0.1, -0.4).gap_closed == pytest.approx(0.25)
    assert row("nats/token", base, -0.1, 0.1, -0.4).gap_closed == pytest.approx(-0.25)
    assert row("share right", base, 0.1, 0.5, 0.4).gap_closed == pytest.approx(1.25)


def test_no_gap_where_tuning_made_it_worse_or_no_clear_difference() -> None:
    assert row("nats/token", [3.0, 2.0], -0.1, -0.1, 0.4).no_gap == NO_GAIN
    assert row("nats/token", [3.0, 2.0], -0.1, -0.1, 0.0).gap_closed is None
    noisy = {"base": [0.0] * 20, "expert": [0.0] * 20, "proxied": [1.0] * 20}
    one_of_twenty = Figure("sums", 1.0, "share right", noisy | {"tuned": [1.0] + [0.0] * 19})
    assert one_of_twenty.no_gap == NO_GAIN


def test_a_tuned_model_far_behind_the_expert_is_no_yardstick() -> None:
    assert row("share right", [0.0] * 4, 1.0, 0.9, 0.1).no_gap == NO_YARDSTICK
    assert row("share right", [0.0] * 4, 1.0, 0.9, 0.9).gap_closed == pytest.approx(1.0)


def test_what_was_not_taught_has_a_price_and_no_gap() -> None:
    better = row("nats/token", [3.0, 2.0, 4.0], -0.1, -0.1, -0.4)
    assert replace(better, taught=False).no_gap == NOT_TAUGHT


def test_a_record_is_plain_data_with_every_mean() -> None:
    record = row("nats/token", [3.0, 2.0, 4.0], -0.5, -0.2, -0.4).record()
    assert record["base"] == 3.0
    assert record["expert"] == 2.5
    assert record["items"] == 3
    assert record["gap_closed"] == pytest.approx(0.5)
