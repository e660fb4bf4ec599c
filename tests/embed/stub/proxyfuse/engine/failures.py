"""What the real one says of a failure, as far as the test provokes any."""

from __future__ import annotations


class RefusedError(Exception):
    """Stands for all classes that carry a kind."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


def told(failure: BaseException) -> tuple[str, str]:
    """Its kind and its words."""
    if isinstance(failure, RefusedError):
        return failure.kind, str(failure)
    return "engine", f"{type(failure).__name__}: {failure}"
