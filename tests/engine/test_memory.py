"""How free memory is shared out between weights and the arena."""

from __future__ import annotations

import pytest
import torch

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.config import EngineConfig
from proxyfuse.engine.memory import CPU_SHARE, free_bytes, share_out
from proxyfuse.trio import Role, Trio

GEOMETRY = Geometry(Trio({role: KVShape(2, 1, 8, 4) for role in Role}), 16)
WEIGHTS = Trio(dict.fromkeys(Role, 1 << 20))
FREE = 19 << 20


def test_a_gpus_free_memory_is_what_is_free_once_torch_gave_back_its_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cached = [300]  # bytes that a closed engine left with torch, which the card calls used
    monkeypatch.setattr(torch.cuda, "empty_cache", cached.clear)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (500 - sum(cached), 1000))
    assert free_bytes(torch.device("cuda", 0), 0.9) == 400


@pytest.mark.parametrize(("device", "share"), [("cpu", CPU_SHARE), ("cuda", 1)])
def test_the_arena_gets_what_the_device_found_can_spare(device: str, share: float) -> None:
    """Also where the configuration says "auto"."""
    config = EngineConfig(max_num_seqs=512)
    pages = share_out(config, GEOMETRY, WEIGHTS, 4096, FREE, torch.device(device))
    assert pages == int((FREE - (3 << 20)) * share) // GEOMETRY.page_bytes
