"""The pretended driver, as Python sees it: books, and work that replays of graphs do."""

from __future__ import annotations

import atexit
import ctypes
import itertools
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple

import torch

ACT = ctypes.CFUNCTYPE(None, ctypes.c_long)
ANYTHING, COUNT = ctypes.c_void_p, ctypes.c_size_t

library = ctypes.CDLL("libcudart.so.13")
library.pretended_tell.argtypes = [ANYTHING, ANYTHING]
library.pretended_put_down.argtypes = [ANYTHING, ctypes.c_long]
library.pretended_is_capturing.argtypes = [ANYTHING]
library.pretended_is_in_block.argtypes = [ANYTHING, COUNT]
library.pretended_base.restype = ANYTHING
library.pretended_bytes.restype = COUNT
library.pretended_used.restype = COUNT
library.pretended_take_outside.restype = ctypes.c_long

Work = Callable[[], object]
put_down: dict[int, Work] = {}  # what graphs hold, by its number
failures: list[str] = []  # of work in graphs, which nobody is there to catch
_numbers = itertools.count()


def _compute(work: Work) -> None:
    """Without modes: it is all the host's, so `torch_ops` need not look at every operation."""
    with torch.inference_mode(), torch._C._DisableTorchDispatch():
        work()


def _act(number: int) -> None:
    try:
        _compute(put_down[number])
    except BaseException:
        failures.append(traceback.format_exc())
        print(f"pretended GPU: while a graph is replayed: {failures[-1]}", file=sys.stderr)


def _forget(number: int) -> None:
    put_down.pop(number, None)


_kept = ACT(_act), ACT(_forget)  # for as long as the driver may call them
library.pretended_tell(*_kept)
atexit.register(library.pretended_tell, None, None)


def _stream(device: torch.device) -> int:
    return int(torch.cuda.current_stream(device).cuda_stream)


def is_capturing(device: torch.device) -> bool:
    """Whether what is launched there goes into a graph."""
    return bool(library.pretended_is_capturing(_stream(device)))


def do(work: Work, device: torch.device) -> bool:
    """Do it now; or where the device captures, at each replay of the graph. Says whether it did."""
    if not is_capturing(device):
        _compute(work)
        return True
    number = next(_numbers)
    put_down[number] = work
    library.pretended_put_down(_stream(device), number)
    return False


def is_in_block(place: int, size: int) -> bool:
    """Whether all bytes lie in one piece of device memory that is allocated."""
    return bool(library.pretended_is_in_block(place, size))


def take_outside() -> int:
    """How often, since it was last asked, a thread that captures gave work to another stream."""
    return int(library.pretended_take_outside())


def used(device: int) -> int:
    """Bytes of the device that are allocated."""
    return int(library.pretended_used(device))


class Memory(NamedTuple):
    """All devices', one behind the other."""

    base: int
    size: int  # bytes
    file: int


def memory() -> Memory:
    """Where it is mapped, and the file that it is."""
    return Memory(library.pretended_base(), library.pretended_bytes(), library.pretended_file())
