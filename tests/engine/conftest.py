"""Tiny trios on disk, and engines over them that check their ledger after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import LLM
from proxyfuse.engine import devices
from proxyfuse.trio import Role, Trio
from tests.tiny import make_trio


@pytest.fixture(scope="session")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Trio[Path]:
    """A Llama base, expert and antiexpert."""
    return make_trio(tmp_path_factory.mktemp("trio"))


Open = Callable[..., LLM]


@pytest.fixture
def open_llm() -> Iterator[Open]:
    """Opens engines over a trio's folders; poisons arenas, checks ledgers, closes them."""
    opened: list[LLM] = []

    def open_(folders: Trio[Path], **options: Any) -> LLM:
        defaults = {
            "dtype": "float32",
            "device": "cpu",
            "kv_cache_bytes": 1 << 20,
            "num_threads": 1,
        }
        roles = [folders.get(role) for role in Role]
        llm = LLM(*roles, **{**defaults, **options})
        watch(llm)
        opened.append(llm)
        return llm

    yield open_
    for llm in opened:
        llm.close()
        assert llm._loaded.scheduler.idle
        assert llm._loaded.scheduler.ledger.pool.held == 0


@pytest.fixture
def plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device's operations are the plain ones: so are those it is compared with."""
    monkeypatch.setattr(devices, "make_team", lambda threads: None)


def watch(llm: LLM) -> None:
    """Check every invariant after every step, on an arena where nothing but NaN was written."""
    loaded = llm._loaded
    for arena in set(loaded.runner.arenas.values()):
        arena.poison()
    settle = loaded.engine.settle

    def checked(flight: Any) -> float:
        waited = settle(flight)
        loaded.scheduler.check()
        return waited

    loaded.engine.settle = checked  # type: ignore[method-assign]
