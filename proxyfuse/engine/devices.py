"""Where models run, and how: from the words of the config to devices, streams and stages."""

from __future__ import annotations

from typing import NamedTuple

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
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.proxy_sample import Sampler
from proxyfuse_kernels.reference import ReferenceOps


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


class Place(NamedTuple):
    """Where a step runs, and how."""

    stage: Stage
    streams: Streams | None = None  # None: the host computes
    graphs: bool = False  # what comes again is captured
    ahead: AheadOps | None = None  # a step may be launched before the one before it has landed


class Calls(NamedTuple):
    """Operations that give their work to the current stream of a device."""

    plain: PlainStage
    ahead: AheadOps
    fit: bool  # for a graph: none of them waits for the device


def calls(vocab: int) -> Calls:
    """Plain torch operations, on whatever device their tensors lie; some look at their tensors."""
    return Calls(PlainStage(Sampler(vocab).into), ReferenceOps(), False)


def find_place(
    config: EngineConfig, at: torch.device, roles: tuple[Role, ...], vocab: int
) -> Place:
    """How a step of these roles runs there."""
    device = beside_host(at)
    if device is None:
        team = make_team(config.num_threads)
        stage = calls(vocab).plain if team is None else TapedStage(Sampler(vocab, team), team)
        return Place(stage)
    streams = Streams(device, roles)
    plain, ahead, fit = calls(vocab)
    graphs = fit and not config.enforce_eager
    return Place(StreamStage(plain, streams, graphs=graphs), streams, graphs, ahead)
