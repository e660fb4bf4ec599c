"""What a C++ program leaves unsaid means what it means in Python."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import SamplingParams
from proxyfuse.config import EngineConfig

INCLUDE = Path(__file__).parents[2] / "csrc" / "include" / "proxyfuse"
FIELD = re.compile(r"^  [\w:<>, ]+ (\w+)(?: = ([^;]+)|\{([^}]*)\})?;", re.MULTILINE)
UNSAID = (None, "", (), [], {})  # of strings, containers and std::optional
WORDS = {"true": True, "false": False, "SPECULATE_AUTO": "auto"}


def defaults_of(header: str, struct: str) -> dict[str, Any]:
    """Of a struct's fields; None where the header names none."""
    text = (INCLUDE / header).read_text()
    body = text[text.index(f"struct {struct} {{") :]
    found = FIELD.findall(body[: body.index("\n};")])
    return {name: value_of(equal or braced) for name, equal, braced in found}


def value_of(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    return text.strip('"') if text.startswith('"') else float(text) if text else None


def default_of(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


@pytest.mark.parametrize(
    ("header", "struct", "cls"),
    [("request.h", "SamplingParams", SamplingParams), ("engine.h", "EngineOptions", EngineConfig)],
)
def test_defaults_are_python_s(header: str, struct: str, cls: type) -> None:
    said = defaults_of(header, struct)
    for field in fields(cls):
        wanted = default_of(field)
        got = said[field.name]
        assert got == wanted or (got is None and wanted in UNSAID), field.name


def test_a_header_is_read_as_it_is_written() -> None:
    said = defaults_of("engine.h", "EngineOptions")
    assert said["speculate"] == "auto" and said["alpha"] == 1.0 and said["device"] == "auto"
    assert said["max_model_len"] is None and said["verbose"] is False
