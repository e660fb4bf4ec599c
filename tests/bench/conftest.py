"""A trio that the benches' own code makes, as small as every rival's file format allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.engine.trios import Named, Shape, make
from bench.peers.peer import Setup
from proxyfuse.trio import Trio

SMALL = Named(
    Shape(64, 2, 96, heads=2, kv_heads=1, head=32), Shape(32, 1, 64, 1, 1, head=32), vocab=301
)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Trio[Path]:
    return make(SMALL, tmp_path_factory.mktemp("small"))


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(dtype="bfloat16", device="cpu", sequences=3, tokens=64, scratch=tmp_path)
