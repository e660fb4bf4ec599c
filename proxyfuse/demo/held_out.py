"""Text the demo models never saw: named standard-library modules, read where they are installed."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .text import code_of, prose_of

Kind = Literal["prose", "code"]

# Present in every ordinary Python 3.11 and 3.12, Debian's included; rich in both kinds of text.
HELD_OUT_MODULES = (
    "argparse",
    "calendar",
    "configparser",
    "difflib",
    "fractions",
    "heapq",
    "ipaddress",
    "mailbox",
    "sched",
    "shelve",
    "statistics",
    "textwrap",
)


@dataclass(frozen=True)
class Document:
    """One held-out text and the module it came from."""

    module: str
    kind: Kind
    text: str


def held_out_documents(kind: Kind) -> Iterator[Document]:
    """One document per held-out module that this Python has the source of."""
    extract = prose_of if kind == "prose" else code_of
    for module in HELD_OUT_MODULES:
        path = Path(sysconfig.get_paths()["stdlib"]) / f"{module}.py"
        if path.is_file():
            text = extract(path.read_text(encoding="utf-8"))
            if text.strip():
                yield Document(module, kind, text)


def is_held_out(path: Path) -> bool:
    """Whether training must not read `path`: a held-out module, or a copy of one anywhere."""
    names = {path.stem.lstrip("_").removeprefix("test_"), path.parent.name}
    return not names.isdisjoint(HELD_OUT_MODULES)
