"""For pytest, by `-p tests.pretended.watch`: what CUDA takes without a word fails the test.

That is work that a capturing thread gives to a stream outside of its capture, which is done once
and not at replays, and what goes wrong in a replay, where no caller stands.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pretended import driver


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    """Tests that want such a thing take it away."""
    driver.take_outside()
    driver.failures.clear()
    yield
    assert_clean()


def assert_clean() -> None:
    assert driver.take_outside() == 0, "work was given outside of the capture its thread is in"
    assert not driver.failures, driver.failures[0]
