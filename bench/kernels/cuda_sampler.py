"""The sampler in CUDA C++, called with tensors: built by nvcc where it is found."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.harness import BUILDS
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows

ROOT = Path(__file__).parents[2]
SOURCES = (
    "csrc/cuda/proxy_sample.cu",
    "csrc/cuda/spread.cpp",
    "csrc/cuda/check.cpp",
    "csrc/cuda/sampler_cuda.cpp",
    "csrc/sampler/check.cpp",
    "bench/kernels/cuda/entry.cpp",
)
INCLUDES = ("csrc", "csrc/include")
TYPES = (torch.float32, torch.bfloat16, torch.float16)  # in the order of LogitType
COLUMNS = (  # DeviceRows in its order
    *("alpha", "temperature", "top_k", "top_p", "min_p", "repetition", "presence", "frequency"),
    *("seed", "stream", "position", "history", "history_start", "history_split", "history_end"),
    *("bias_ids", "bias_start", "bias_values", "allowed", "allowed_row", "allowed_stride"),
    *("given", "is_given"),
)
DRAWS = (  # DeviceDraws, but for how many likeliest there are
    *("tokens", "finite", "logprobs", "logsumexp"),
    *("ranks", "role_logprobs", "top_ids", "top_logprobs"),
)
FILTERS = frozenset({"top_k", "top_p", "min_p"})


class RefusedError(Exception):
    """What the sampler said as it refused a call."""


class Role(ctypes.Structure):
    """Logits as entry.cpp takes them."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("type", ctypes.c_int64),
    )

    @classmethod
    def of(cls, logits: Tensor | None) -> Role:
        if logits is None:
            return cls(None, 0, 0, 0)
        return cls(logits.data_ptr(), len(logits), logits.stride(0), TYPES.index(logits.dtype))


class Call(ctypes.Structure):
    """A launch as entry.cpp takes it."""

    _fields_ = (
        ("roles", Role * 3),
        ("rows", ctypes.c_void_p * len(COLUMNS)),
        ("draws", ctypes.c_void_p * len(DRAWS)),
        ("top", ctypes.c_size_t),
        ("stream", ctypes.c_void_p),
    )


def build(folder: Path) -> Path:
    """The library for the GPU that is there. Raises `CalledProcessError`.

    In `folder`; where `BUILDS` names another, in that, and as a process before this one built it.
    """
    out = Path(os.environ.get(BUILDS) or folder) / "libcuda_sampler.so"
    if not out.exists():
        partial = out.with_name(f"{os.getpid()}-{out.name}")  # who is killed leaves no library
        _compile(partial)
        partial.replace(out)
    return out


def _compile(out: Path) -> None:
    include = [f"-I{ROOT / name}" for name in INCLUDES]
    flags = ["-std=c++17", "-O3", "--fmad=false", "-arch=native", "-Xcompiler=-fPIC", "-shared"]
    sources = [str(ROOT / source) for source in SOURCES]
    subprocess.run(["nvcc", *flags, *include, *sources, "-o", str(out)], check=True)


class CudaSampler:
    """`proxy_sample` by a library of `build`, for up to so many rows and so many likeliest ids."""

    def __init__(self, library: Path, vocab: int, rows: int, top: int = 0) -> None:
        self._entry = ctypes.CDLL(str(library))
        for name in ("make", "launch"):
            getattr(self._entry, name).restype = ctypes.c_char_p
        self._made = ctypes.c_void_p()
        sizes = (ctypes.c_int64(x) for x in (vocab, rows, top))
        self._hear(self._entry.make(*sizes, ctypes.byref(self._made)))

    def __del__(self) -> None:
        self._entry.drop(self._made)

    def launch(
        self,
        logits: Sequence[Tensor],
        rows: SampleRows,
        draws: SampleDraws,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Into `draws`, on the current stream. `without`: columns and draws that are null.

        Raises `RefusedError`.
        """
        call = Call(top=0 if draws.top_ids is None else draws.top_ids.shape[1])
        call.roles[:] = [Role.of(x) for x in [*logits, None, None][:3]]
        for i, name in enumerate(COLUMNS):
            if name == "allowed_stride":
                call.rows[i] = 0 if rows.allowed is None else rows.allowed.stride(0)
            else:
                call.rows[i] = place(None if name in without else getattr(rows, name))
        for i, name in enumerate(DRAWS):
            call.draws[i] = place(None if name in without else getattr(draws, name))
        if logits[0].is_cuda:
            call.stream = torch.cuda.current_stream(logits[0].device).cuda_stream
        self._hear(self._entry.launch(self._made, ctypes.byref(call)))

    @staticmethod
    def _hear(said: bytes) -> None:
        if said:
            raise RefusedError(said.decode())


def place(column: Tensor | None) -> int | None:
    """Where it lies; an empty one lies somewhere too."""
    return None if column is None else column.data_ptr() or 8
