"""JSON files read as data: each value is checked where it is taken; errors name file and field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxyfuse.errors import ModelError

LARGEST = 2**31 - 1  # no size, position or factor of a model is beyond it


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of a JSON file; each method takes one field or raises `ModelError`.

    A field that is absent or null has its `default`; without one it is required.
    """

    source: str  # what messages call it: a path, or a path and a field
    data: Mapping[str, Any]

    def whole(self, name: str, default: int | None = None, at_least: int = 1) -> int:
        """A whole number from `at_least` to `LARGEST`."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise self.wrong(name, value, f"a whole number, at least {at_least}")
        if value > LARGEST:
            raise self.wrong(name, value, f"at most {LARGEST}")
        return value

    def positive(self, name: str, default: float | None = None) -> float:
        """A number above zero and up to `LARGEST`."""
        value = self._take(name, default)
        number = not isinstance(value, bool) and isinstance(value, int | float)
        if not number or not 0 < value <= LARGEST:
            raise self.wrong(name, value, f"a number above 0, at most {LARGEST}")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, value, "true or false")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        value = self._take(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, value, "a string")
        return value

    def ids(self, name: str) -> tuple[int, ...]:
        """A token id, or a list of them; none where absent."""
        value = self._take(name, [])
        ids = value if isinstance(value, list) else [value]
        if not all(isinstance(i, int) and not isinstance(i, bool) and i >= 0 for i in ids):
            raise self.wrong(name, value, "a token id, or a list of them")
        return tuple(ids)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.data.get(name) is not None

    def inside(self, name: str) -> Fields:
        """The object in a field; empty where absent."""
        value = self._take(name, {})
        if not isinstance(value, Mapping):
            raise self.wrong(name, value, "an object")
        return Fields(f"{self.source}: {name}", value)

    def wrong(self, name: str, got: object, wanted: str) -> ModelError:
        """The error that says this field is not as it must be."""
        return ModelError(f"{self.source}: {name}: got {got!r}, want {wanted}")

    def _take(self, name: str, default: object) -> Any:
        value = self.data.get(name)
        if value is not None:
            return value
        if default is None:
            raise ModelError(f"{self.source}: {name}: got nothing, but it is required")
        return default


def read_json(path: Path) -> Fields:
    """The object in a JSON file.  Raises `ModelError` where there is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file, want a JSON object") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: want a JSON object, got {error}") from None
    if not isinstance(data, dict):
        raise ModelError(f"{path}: want a JSON object, got {type(data).__name__}")
    return Fields(str(path), data)
