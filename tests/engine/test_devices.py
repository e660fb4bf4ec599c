"""Words for devices: what is found, and what is refused with a reason."""

from __future__ import annotations

import pytest
import torch

from proxyfuse.config import EngineConfig
from proxyfuse.engine.devices import find_devices, find_place
from proxyfuse.errors import ConfigError
from proxyfuse.runner.stage_plain import PlainStage
from proxyfuse.trio import Role, Trio

ALL, ALONE = tuple(Role), (Role.BASE,)


def found(roles: tuple[Role, ...] = ALL, **options: object) -> list[str]:
    return [str(at) for at in find_devices(EngineConfig(**options), roles).values()]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_auto_is_a_gpu_where_there_is_one(two_gpus) -> None:
    assert found() == ["cuda:0"] * 3
    assert found(ALONE, device="cuda:1") == ["cuda:1"]


def test_auto_is_the_host_where_there_is_none(no_gpu) -> None:
    assert found() == ["cpu"] * 3


def test_proxies_apart(two_gpus) -> None:
    assert found(proxy_device="cuda:1") == ["cuda:0", "cuda:1", "cuda:1"]
    assert found(device="cuda:1", proxy_device="cuda:1") == ["cuda:1"] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "device: got 'tpu'"),
        ({"device": "cuda:2"}, "device: got 'cuda:2', but torch sees 2"),
        ({"proxy_device": "cuda:7"}, "proxy_device: got 'cuda:7', but torch sees 2"),
        ({"proxy_device": "tpu"}, "proxy_device: got 'tpu'"),
        ({"device": "cpu", "proxy_device": "cuda:1"}, "beside 'cpu', want two GPUs"),
        ({"device": "cuda", "proxy_device": "cpu"}, "beside 'cuda:0', want two GPUs"),
        ({"proxy_device": 1}, "proxy_device: got 1"),
        ({"enforce_eager": "yes"}, "enforce_eager: got 'yes'"),
    ],
)
def test_what_cannot_be(two_gpus, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        found(**options)


def test_a_base_alone_has_no_proxies_to_put_anywhere(two_gpus) -> None:
    with pytest.raises(ConfigError, match="a base alone"):
        found(ALONE, proxy_device="cuda:1")


def test_no_gpu_no_proxies_on_one(no_gpu) -> None:
    with pytest.raises(ConfigError, match="proxy_device: got 'cuda:1', but torch sees no CUDA"):
        found(device="cpu", proxy_device="cuda:1")


def test_on_a_host_nothing_runs_beside_it_or_ahead() -> None:
    place = find_place(EngineConfig(device="cpu"), Trio({Role.BASE: torch.device("cpu")}), 50, 8)
    assert place[1:] == (None, False, None) and not isinstance(place.stage, PlainStage)
