import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from demo_training.corpus import distinct
from demo_training.overlap import seen_share

from proxyfuse.demo.held_out import held_out_documents

LONG = "def total(values):\n    result = 0\n    for value in values:\n        result += value\n"


def test_a_training_file_that_copies_a_held_out_module_is_dropped() -> None:
    copy = next(held_out_documents("code")).text
    other = "\n\n".join(f"{LONG}    return result + offset_{c} * scale_{c}" for c in "abcdef")
    assert distinct([copy, other], "\n\n", share=0.7) == [other + "\n"]


def test_repeats_are_dropped() -> None:
    prose = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(60))
    assert distinct([prose, prose.upper()], "\n", share=0.0) == [prose + "\n"]


def test_seen_share_counts_runs_of_eight_words() -> None:
    text = "one two three four five six seven eight nine"
    assert seen_share(text, ["zero one two three four  five six\nseven eight"]) == 0.5
    assert seen_share(text, [text]) == 1.0
    assert seen_share(text, ["nine eight seven"]) == 0.0
