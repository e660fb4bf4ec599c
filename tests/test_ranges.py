"""Truth values are no numbers, and neither is what float32 cannot hold."""

from typing import Any

import pytest

from proxyfuse.ranges import FLOAT32_MOST, is_real, is_whole

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [0, 1, 2**70])
def test_whole(value: Any) -> None:
    assert is_whole(value)


@pytest.mark.parametrize("value", [-1, True, False, 1.0, "1", None, NAN, [1]], ids=repr)
def test_not_whole(value: Any) -> None:
    assert not is_whole(value)


@pytest.mark.parametrize("value", [0, -3, 1.5, FLOAT32_MOST, -FLOAT32_MOST])
def test_real(value: Any) -> None:
    assert is_real(value)


@pytest.mark.parametrize("value", [NAN, INF, -INF, 3.41e38, True, "1.0", None, 1j], ids=repr)
def test_not_real(value: Any) -> None:
    assert not is_real(value)


def test_both_ends_belong_to_a_range() -> None:
    assert [at for at in range(5) if is_whole(at, 1, 3)] == [1, 2, 3]
    assert [at for at in (0.9, 1.0, 2.0, 2.1) if is_real(at, 1, 2)] == [1.0, 2.0]
