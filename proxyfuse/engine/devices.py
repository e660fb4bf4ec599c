"""Where models run, and how: from the words of the config to devices, streams and stages."""

from __future__ import annotations

from typing import NamedTuple

import torch

from proxyfuse.config import EngineConfig
from proxyfuse.errors import ConfigError
from proxyfuse.runner.device import Device
from proxyfuse.runner.device_cuda import CudaDevice
from proxyfuse.runner.gpu_ops import make_gpu_ops
from proxyfuse.runner.stage import Stage
from proxyfuse.runner.stage_plain import Draw, PlainStage
from proxyfuse.runner.stage_streams import StreamStage
from proxyfuse.runner.stage_taped import TapedStage
from proxyfuse.runner.streams import Streams
from proxyfuse.runner.team import make_team
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels import gpu
from proxyfuse_kernels.ops import AheadOps
from proxyfuse_kernels.proxy_sample import Sampler


def find_device(name: str, option: str = "device") -> torch.device:
    """The device of this name; "auto" is a GPU where there is one. Raises `ConfigError`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"{option}: got {name!r}, want auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"{option}: got {name!r}, but torch sees no CUDA device; want cpu")
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        device = torch.device("cuda", index)
        count = torch.cuda.device_count()
        if index >= count:
            raise ConfigError(f"{option}: got {name!r}, but torch sees {count}; want a lower N")
    return device


def find_devices(config: EngineConfig, roles: tuple[Role, ...]) -> Trio[torch.device]:
    """Where each role runs. Raises `ConfigError`, also for devices that cannot work together."""
    at, apart = find_device(config.device), config.proxy_device
    if apart is None:
        return Trio(dict.fromkeys(roles, at))
    if len(roles) == 1:
        raise ConfigError(f"proxy_device: got {apart!r} for a base alone, want None")
    proxies = find_device(apart, "proxy_device")
    if proxies.type != at.type:
        raise ConfigError(f"proxy_device: got {apart!r} beside {str(at)!r}, want two GPUs, or None")
    return Trio({role: proxies if role > Role.BASE else at for role in roles})


def beside_host(at: torch.device) -> Device | None:
    """What computes there while the host goes on; None where the host computes itself."""
    return None if at.type == "cpu" else CudaDevice(at)


def beside(at: Trio[torch.device]) -> bool:
    """Whether steps run on a device beside the host."""
    return beside_host(at.base) is not None


class Place(NamedTuple):
    """Where a step runs, and how."""

    stage: Stage
    streams: Streams | None = None  # None: the host computes
    graphs: bool = False  # what comes again is captured
    ahead: AheadOps | None = None  # a step may be launched before the one before it has landed


class Calls(NamedTuple):
    """Operations that give their work to the current stream of a device."""

    draw: Draw
    ops: AheadOps
    fit: bool  # for a graph: none of them waits for the device


def calls(config: EngineConfig, at: torch.device, vocab: int, samples: int) -> Calls:
    """Triton's where it can be imported; else plain torch's, whose sampler looks at its tensors.

    samples: the most rows that are drawn at once.
    """
    ops = make_gpu_ops(one_path=config.batch_invariant)
    if not gpu.available():
        return Calls(Sampler(vocab).into, ops, fit=False)
    return Calls(gpu.gpu_sampler(vocab, samples, at).into, ops, fit=True)


def find_place(config: EngineConfig, at: Trio[torch.device], vocab: int, samples: int) -> Place:
    """How a step of at most so many sampled rows runs there."""
    device = beside_host(at.base)
    if device is None:
        team = make_team(config.num_threads)
        if team is None:
            return Place(PlainStage(Sampler(vocab).into))
        return Place(TapedStage(Sampler(vocab, team), team))
    apart = {one for one in at.values() if one != at.base}
    draw, ops, fit = calls(config, at.base, vocab, samples)
    graphs = fit and not config.enforce_eager
    away = next(map(beside_host, apart), None)
    streams = Streams(device, at.roles, away, graphs=graphs)  # behind the sampler's zeros
    stage = StreamStage(PlainStage(draw, ops), streams)
    return Place(stage, streams, graphs, ops)
