"""A process that runs kernels in Triton's interpreter, over the memory of the pretended GPUs.

It is one of its own since triton decides when it is first imported whether it compiles.

    TRITON_INTERPRET=1 python -m tests.pretended.interpreter BASE BYTES FILE

of what `driver.memory` says, reads a `Launch` after the other from its standard input, and answers
each with an empty text, or with what went wrong.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import sys
import traceback
from typing import BinaryIO

import pytest
import torch

from tests.interpreted import like_a_chip
from tests.pretended.aliases import over
from tests.pretended.arguments import Launch, unpacked

NO_RESERVE, SAME_PLACE = 0x4000, 0x100000  # of <sys/mman.h>; Python has no names for them


def map_at(base: int, size: int, file: int) -> None:
    """The file's bytes at this address. Raises `OSError` where something else is there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    where = ctypes.c_void_p(base), ctypes.c_size_t(size)
    how = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | NO_RESERVE | SAME_PLACE
    if libc.mmap(*where, *how, file, ctypes.c_long(0)) != base:
        raise OSError(ctypes.get_errno(), f"something else is at {base:#x}")


@torch.inference_mode()
def run(launch: Launch, memory: torch.UntypedStorage, base: int) -> None:
    args, kwargs = (unpacked(x, memory, base) for x in (launch.args, launch.kwargs))
    launch.kernel.found()[launch.grid](*args, **kwargs)


def serve(base: int, size: int, given: BinaryIO, answers: BinaryIO) -> None:
    """Until there is no more."""
    memory = over(base, size)
    while True:
        try:
            launch = pickle.load(given)
        except EOFError:
            return
        try:
            run(launch, memory, base)
        except BaseException:
            pickle.dump(traceback.format_exc(), answers)
        else:
            pickle.dump("", answers)
        answers.flush()


def main(base: int, size: int, file: int) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what kernels print is no answer
    torch.set_num_threads(1)
    map_at(base, size, file)
    like_a_chip(pytest.MonkeyPatch())
    serve(base, size, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
