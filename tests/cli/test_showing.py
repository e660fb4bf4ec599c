"""What is printed of answers made by hand."""

from io import StringIO

from rich.console import Console

from proxyfuse.cli.showing import show_code, show_sums, show_table
from proxyfuse.demo.arithmetic import Problem
from proxyfuse.demo.figures import NO_GAIN, NO_YARDSTICK, WAYS, Figure
from proxyfuse.demo.material import Material
from proxyfuse.demo.measure import Answers

MATERIAL = Material([Problem(12, 34)], ["class A:\n    def f(self"], {"code": [[0]], "prose": []})
ANSWERS = {
    way: Answers([f" {number}\nQ: 1"], [f", {way}):\n        return 1"], [number == 46], {})
    for number, way in enumerate(WAYS, start=44)
}


def recorder(width: int = 100) -> Console:
    return Console(file=StringIO(), record=True, width=width, highlight=False, markup=False)


def test_sums_say_who_is_right() -> None:
    console = recorder()
    show_sums(console, MATERIAL, ANSWERS)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["Q:", "12", "+", "34", "=", "?"] in lines
    assert ["base", "wrong", "44"] in lines
    assert ["proxy-tuned", "right", "46"] in lines
    assert ["directly", "tuned", "wrong", "47"] in lines


def test_code_goes_on_where_the_prompt_ends() -> None:
    console = recorder()
    show_code(console, MATERIAL, ANSWERS, 0.5)
    text = console.export_text()
    assert "def f(self, proxied):" in text
    assert text.count("return 1") == 3


def test_the_table_fits_80_columns_and_has_a_footnote_for_each_reason_once() -> None:
    rising = {way: [float(at)] * 3 for at, way in enumerate(WAYS)}
    rows = [
        Figure("sums solved exactly", 1.0, "share right", rising),
        Figure("general prose", 0.5, "nats/token", rising),
        Figure("general prose", 1.0, "nats/token", rising),
        Figure("behind", 1.0, "share right", rising | {"tuned": [0.25] * 3}),
    ]
    console = recorder(width=80)
    show_table(console, MATERIAL, rows)
    text = console.export_text()
    (solved,) = (line for line in text.splitlines() if "sums solved" in line)
    assert solved.split()[-1] == "67%"
    assert text.count("- [1]") == 2
    assert f"[1] {NO_GAIN}" in " ".join(text.split())
    assert f"[2] {NO_YARDSTICK}" in " ".join(text.split())
    assert "…" not in text
