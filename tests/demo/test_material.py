"""The material is held out, whole, and the same on every call."""

import pytest

from proxyfuse.demo.held_out import HELD_OUT_MODULES
from proxyfuse.demo.material import WINDOW, Material, gather


@pytest.fixture(scope="module")
def material() -> Material:
    return gather(sums=20, windows=2)


def test_windows_are_full_distinct_and_at_most_as_many_as_asked(material: Material) -> None:
    for windows in material.windows.values():
        assert all(len(window) == WINDOW for window in windows)
        assert len({tuple(window) for window in windows}) == len(windows)
        assert len(HELD_OUT_MODULES) < len(windows) <= 2 * len(HELD_OUT_MODULES)


def test_fewer_are_some_of_the_many(material: Material) -> None:
    fewer = gather(sums=5, windows=1)
    assert fewer.sums == material.sums[:5]
    for kind, windows in fewer.windows.items():
        assert all(window in material.windows[kind] for window in windows)


def test_sums_are_held_out(material: Material) -> None:
    assert all(problem.held_out for problem in material.sums)


def test_code_to_continue_stops_inside_a_definition(material: Material) -> None:
    assert material.code
    assert all("def " in prompt.split("\n")[-1] for prompt in material.code)
