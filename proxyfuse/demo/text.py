"""Prose and code out of Python sources: the two kinds of text the demo models know."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Iterator

_BLANK_LINES = re.compile(r"\n\s*\n")
_COMMENT_LINE = re.compile(r"^\s*#")
_CODE_MARKS = (">>>", "::", "==", "{", "}", "|", "\\", "->", "```", "...")
_MIN_PROSE = 60


def paragraphs(text: str) -> list[str]:
    """The blocks of `text` between blank lines, without trailing space."""
    blocks = (block.strip("\n").rstrip() for block in _BLANK_LINES.split(text))
    return [block for block in blocks if block.strip()]


def fingerprint(block: str) -> bytes:
    """A hash that layout, case and digits do not change: equal for near-duplicates."""
    words = re.sub(r"[\W\d_]+", " ", block.lower()).strip()
    return hashlib.blake2b(words.encode(), digest_size=8).digest()


def reads_as_prose(block: str) -> bool:
    """Whether a paragraph is sentences rather than tables, doctests or markup."""
    if len(block) < _MIN_PROSE or any(mark in block for mark in _CODE_MARKS):
        return False
    plain = sum(c.isalpha() or c in " ,.'\n" for c in block)
    return plain >= 0.92 * len(block) and block.count(" ") >= 8


def prose_of_text(text: str) -> str:
    """The paragraphs of `text` that read as prose, each flowed onto one line."""
    kept = (block for block in paragraphs(text) if reads_as_prose(block))
    return "\n".join(" ".join(block.split()) for block in kept)


def prose_of(source: str) -> str:
    """Docstrings and comment blocks of a Python source, as prose, in source order."""
    spans = [(node.lineno, inspect.cleandoc(text)) for node, text in _docstrings(source)]
    spans += _comment_blocks(source)
    texts = (prose_of_text(text) for _, text in sorted(spans))
    return "\n\n".join(text for text in texts if text)


def code_of(source: str) -> str:
    """A Python source without its docstrings, comment lines and repeated blank lines."""
    lines = source.expandtabs(4).splitlines()
    for node, _ in _docstrings(source):
        end = node.end_lineno or node.lineno
        lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
    kept = [line.rstrip() for line in lines if not _COMMENT_LINE.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n") + "\n"


def _docstrings(source: str) -> Iterator[tuple[ast.expr, str]]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            value = first.value.value
            if isinstance(value, str):
                yield first.value, value


def _comment_blocks(source: str) -> list[tuple[int, str]]:
    blocks: list[tuple[int, str]] = []
    block: list[str] = []
    for number, line in enumerate([*source.splitlines(), ""], start=1):
        if _COMMENT_LINE.match(line):
            block.append(line.strip().lstrip("#!:").removeprefix(" "))
        elif block:
            blocks.append((number - len(block), "\n".join(block)))
            block = []
    return blocks
