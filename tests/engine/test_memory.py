"""How free memory is shared out between weights and the arena."""

from __future__ import annotations

import pytest
import torch

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.config import EngineConfig
from proxyfuse.engine.memory import CPU_SHARE, share_out
from proxyfuse.trio import Role, Trio

GEOMETRY = Geometry(Trio({role: KVShape(2, 1, 8, 4) for role in Role}), 16)
WEIGHTS = Trio(dict.fromkeys(Role, 1 << 20))
FREE = 19 << 20


@pytest.mark.parametrize(("device", "share"), [("cpu", CPU_SHARE), ("cuda", 1)])
def test_the_arena_gets_what_the_device_found_can_spare(device: str, share: float) -> None:
    """Also where the configuration says "auto"."""
    config = EngineConfig(max_num_seqs=512)
    pages = share_out(config, GEOMETRY, WEIGHTS, 4096, FREE, torch.device(device))
    assert pages == int((FREE - (3 << 20)) * share) // GEOMETRY.page_bytes
