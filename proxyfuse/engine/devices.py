"""Where models run, and how: from the words of the config to devices, streams and stages."""

from __future__ import annotations

import torch

from proxyfuse.config import EngineConfig
from proxyfuse.errors import ConfigError
from proxyfuse.runner.device import Device
from proxyfuse.runner.device_cuda import CudaDevice
from proxyfuse.runner.stage import Stage
from proxyfuse.runner.stage_plain import PlainStage
from proxyfuse.runner.stage_streams import StreamStage
from proxyfuse.runner.stage_taped import TapedStage
from proxyfuse.runner.streams import Streams
from proxyfuse.runner.team import make_team
from proxyfuse.trio import Role
from proxyfuse_kernels.proxy_sample import Sampler


def find_device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU where there is one. Raises `ConfigError`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: got {name!r}, want auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device: got {name!r}, but torch sees no CUDA device; want cpu")
    return device


def beside_host(at: torch.device) -> Device | None:
    """What computes there while the host goes on; None where the host computes itself."""
    return None if at.type == "cpu" else CudaDevice(at)


def plain_stage(vocab: int) -> PlainStage:
    """Calls of plain torch operations, on whatever device their tensors lie."""
    return PlainStage(Sampler(vocab).into)


def make_stage(
    config: EngineConfig, at: torch.device, roles: tuple[Role, ...], vocab: int
) -> tuple[Stage, Streams | None]:
    """How a step of these roles runs there, and the streams it runs on; None: the host computes."""
    device = beside_host(at)
    if device is not None:
        streams = Streams(device, roles)
        return StreamStage(plain_stage(vocab), streams), streams
    team = make_team(config.num_threads)
    if team is None:
        return plain_stage(vocab), None
    return TapedStage(Sampler(vocab, team), team), None
