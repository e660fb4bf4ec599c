"""What was measured on, in words that name no host."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from proxyfuse.host import total_memory

SAY_NOTHING = ("processor", "cpu")  # of a name's words, as in "Intel(R) Xeon(R) Processor"


def machine() -> dict[str, Any]:
    """The processor, the GPU where there is one, memory and versions."""
    about: dict[str, Any] = {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(total_memory() / 2**30),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        gpu = {"gpu": card.name, "gpus": torch.cuda.device_count()}
        about |= gpu | {"gpu_memory_gib": round(card.total_memory / 2**30)}
    return about


def machine_name(about: dict[str, Any]) -> str:
    """A folder's name for a machine: `gpu-nvidia-h200`, or `cpu-2core-epyc`."""
    if "gpu" in about:
        return "-".join(["gpu", *str(about["gpu"]).lower().split()])
    words = str(about["cpu"]).lower().replace("(r)", "").split()
    telling = [word for word in words if word not in SAY_NOTHING] or words
    return f"cpu-{about['cores']}core-{telling[-1]}"


def peak_memory() -> int:
    """The most bytes that this process has had resident; OSError where the system is not Linux."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def gpu_bytes(device: str) -> int:
    """Bytes of a GPU that are in use, a driver's own included; 0 of a CPU, or where none is seen.

    What torch keeps for later is given back first.
    """
    if device == "cpu" or not torch.cuda.is_available():
        return 0
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    return total - free


def _cpu_name() -> str:
    listing = Path("/proc/cpuinfo")
    for line in listing.read_text().splitlines() if listing.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
