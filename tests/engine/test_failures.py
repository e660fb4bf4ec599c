"""Failures as kinds: ours by their class, somebody else's as what they are to a caller."""

from __future__ import annotations

import pytest
import torch

from proxyfuse.engine.failures import kind_of, told
from proxyfuse.errors import MemoryBudgetError, NonFiniteError, ProxyFuseError, WeightsError


class Derived(WeightsError):
    """Of a program's own, without a kind."""


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (WeightsError("a shard is cut"), "weights", "a shard is cut"),
        (NonFiniteError("NaN"), "non_finite", "NaN"),
        (MemoryBudgetError("too much"), "memory_budget", "too much"),
        (Derived("mine"), "weights", "mine"),
        (ProxyFuseError("some"), "engine", "some"),
        (MemoryError("all of it"), "memory_budget", "MemoryError: all of it"),
        (torch.OutOfMemoryError("2 GiB"), "memory_budget", "OutOfMemoryError: 2 GiB"),
        (ZeroDivisionError("by 0"), "engine", "ZeroDivisionError: by 0"),
        (KeyboardInterrupt(), "engine", "KeyboardInterrupt: "),
    ],
)
def test_kinds(failure: BaseException, kind: str, words: str) -> None:
    assert kind_of(failure) == kind
    assert told(failure) == (kind, words)
