from pathlib import Path

from proxyfuse.demo.held_out import HELD_OUT_MODULES, held_out_documents, is_held_out
from proxyfuse.demo.text import code_of, fingerprint, paragraphs, prose_of, reads_as_prose

SOURCE = '''"""Reads the configuration of a program, and writes it back in the same order as before.

    >>> read("x")
"""

# Lines that are only a comment become part of the prose when they are long enough to be read.
def read(name):
    """Return the section of that name; the sections are kept in the order of the file."""

    text = "# not a comment"
    return text
'''


def test_prose_and_code_share_nothing() -> None:
    prose, code = prose_of(SOURCE), code_of(SOURCE)
    assert prose.startswith("Reads the configuration") and "Return the section" in prose
    assert "become part of the prose" in prose and ">>>" not in prose
    assert code == 'def read(name):\n\n    text = "# not a comment"\n    return text\n'


def test_layout_case_and_digits_do_not_hide_a_repeat() -> None:
    assert fingerprint("The  value is 3.\n") == fingerprint("the value\nis 4")
    assert fingerprint("the value") != fingerprint("a value")


def test_tables_and_markup_are_not_prose() -> None:
    assert not reads_as_prose("a | b | c | d " * 10)
    assert not reads_as_prose("too short to be a sentence")
    assert reads_as_prose("This sentence has enough plain words in it to be read as one by people.")
    assert paragraphs("a\n\n \nb\n") == ["a", "b"]


def test_held_out_modules_are_found_here_and_read() -> None:
    for kind in ("prose", "code"):
        documents = list(held_out_documents(kind))
        assert {d.module for d in documents} >= {"textwrap", "heapq", "statistics"}
        assert all(len(d.text) > 500 for d in documents)


def test_copies_of_held_out_modules_are_refused_by_name() -> None:
    for path in ("lib/heapq.py", "pip/_vendor/textwrap.py", "lib/test/test_heapq.py", "heapq/x.py"):
        assert is_held_out(Path(path))
    assert not is_held_out(Path("lib/json/decoder.py"))
    assert len(set(HELD_OUT_MODULES)) == len(HELD_OUT_MODULES)
