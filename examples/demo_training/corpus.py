"""Training text: sources of the standard library and of installed packages, without repeats."""

from __future__ import annotations

import ast
import hashlib
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from proxyfuse.demo.held_out import held_out_documents, is_held_out
from proxyfuse.demo.text import code_of, fingerprint, paragraphs, prose_of, prose_of_text

PACKAGES = (
    "torch", "transformers", "numpy", "scipy", "sympy", "networkx", "mpmath", "matplotlib",
    "huggingface_hub", "pip", "setuptools", "pydantic", "hypothesis", "rich", "typer", "click",
    "jinja2", "fsspec", "packaging", "tqdm", "pygments", "_pytest", "mypy", "PIL", "fontTools",
)  # fmt: skip
# Test suites, generated tables and other people's standard libraries teach nothing.
_SKIPPED_PARTS = {"tests", "test", "testing", "typeshed", "site-packages", "idlelib", "lib2to3"}
_MAX_FILE = 400_000
_MAX_CODE = 30_000_000  # characters; more than any stage gets to read
_SHARED_LINE = 40  # characters from which a line in common with held-out text means a copy
Extract = tuple[str, str]  # prose, code


def source_files() -> list[Path]:
    """Every readable file of the corpus, in an order that depends on names only."""
    paths = sysconfig.get_paths()
    roots = [Path(paths["stdlib"]), *(Path(paths["purelib"]) / name for name in PACKAGES)]
    files = [f for root in roots if root.is_dir() for f in _files_under(root)]
    return sorted(files, key=lambda f: hashlib.md5("/".join(f.parts[-4:]).encode()).digest())


def _files_under(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        if path.suffix not in {".py", ".md", ".rst"} or not _SKIPPED_PARTS.isdisjoint(inside.parts):
            continue
        if not is_held_out(path) and path.is_file() and path.stat().st_size <= _MAX_FILE:
            yield path


def extract(path: Path) -> Extract:
    """Prose and code of one file; both empty where it cannot be read."""
    warnings.simplefilter("ignore")
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            return prose_of_text(text), ""
        if _mostly_data(text):
            return "", ""
        return prose_of(text), code_of(text)
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError):
        return "", ""


def _mostly_data(text: str) -> bool:
    body = ast.parse(text).body
    longest = max(((n.end_lineno or n.lineno) - n.lineno for n in body
                   if isinstance(n, ast.Assign | ast.Expr)), default=0)  # fmt: skip
    return longest > 0.5 * text.count("\n") and longest > 60


def documents(limit: int | None = None) -> tuple[list[str], list[str]]:
    """Prose and code documents: no repeats, no line in common with held-out text."""
    files = source_files()[:limit]
    with ProcessPoolExecutor(2) as pool:
        pairs = list(pool.map(extract, files, chunksize=64))
    code = distinct((code for _, code in pairs), "\n\n", share=0.7)
    return distinct((prose for prose, _ in pairs), "\n", share=0.0), _first(code, _MAX_CODE)


def distinct(texts: Iterable[str], joint: str, *, share: float) -> list[str]:
    """`texts` without repeated blocks; with a `share`, whole texts of which that much is new.

    Code is taken whole, since a file with holes in it is no longer code.
    """
    held_out = list(_held_out_blocks())
    seen = {fingerprint(block) for block in held_out}
    forbidden = {line for block in held_out for line in _long_lines(block)}
    kept = []
    for text in texts:
        blocks = text.split("\n") if joint == "\n" else paragraphs(text)
        clean = [b for b in blocks if b and forbidden.isdisjoint(_long_lines(b))]
        fresh = [b for b in clean if _is_new(b, seen)]
        if sum(map(len, fresh)) >= max(200, share * len(text)):
            kept.append(joint.join(clean if share else fresh) + "\n")
    return kept


def _held_out_blocks() -> Iterator[str]:
    for document in held_out_documents("prose"):
        yield from document.text.split("\n")
    for document in held_out_documents("code"):
        yield from paragraphs(document.text)


def _first(texts: list[str], characters: int) -> list[str]:
    total, kept = 0, []
    for text in texts:
        total += len(text)
        if total > characters:
            break
        kept.append(text)
    return kept


def _is_new(block: str, seen: set[bytes]) -> bool:
    mark = fingerprint(block)
    # Short blocks (`import os`) repeat rightly: they are language, not copies.
    if len(block) < 60:
        return True
    new = mark not in seen
    seen.add(mark)
    return new


def _long_lines(block: str) -> Iterator[str]:
    for line in block.split("\n"):
        normal = " ".join(line.split())
        if len(normal) >= _SHARED_LINE:
            yield normal
