"""The material is held out, whole, and the same on every call."""

from proxyfuse.demo.held_out import HELD_OUT_MODULES
from proxyfuse.demo.material import WINDOW, code_prompts, gather


def test_windows_are_full_distinct_and_at_most_as_many_as_asked() -> None:
    material = gather(sums=3, windows=2)
    for windows in material.windows.values():
        assert all(len(window) == WINDOW for window in windows)
        assert len({tuple(window) for window in windows}) == len(windows)
        assert len(HELD_OUT_MODULES) < len(windows) <= 2 * len(HELD_OUT_MODULES)


def test_fewer_windows_are_still_of_every_long_module() -> None:
    one, many = gather(sums=1, windows=1), gather(sums=1, windows=4)
    for kind, windows in one.windows.items():
        assert all(window in many.windows[kind] for window in windows)


def test_sums_are_held_out() -> None:
    assert all(problem.held_out for problem in gather(sums=20, windows=0).sums)


def test_code_to_continue_stops_inside_a_definition() -> None:
    prompts = list(code_prompts())
    assert prompts
    assert all("def " in prompt.split("\n")[-1] for prompt in prompts)
