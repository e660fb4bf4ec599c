"""What all tests share."""

import os
from pathlib import Path

# Triton kernels run on CPU tensors by its interpreter. It decides when triton is first imported,
# for the whole process; what compiles kernels needs one of its own. `make gpu` sets 0.
os.environ.setdefault("TRITON_INTERPRET", "1")
# Tests are many processes already: none of them needs compilers beside it, one for each core.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)  # tiny tensors: waking a second thread costs more than it does

TESTS = Path(__file__).parent
COMPILED = ("csrc", "embed", "examples")  # whose tests share programs that take long to compile


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under --dist loadgroup one process has all of a file, or of a folder that compiles.

    What such a file or folder makes once for all its tests is then made once.
    """
    for item in items:
        place = item.path.relative_to(TESTS)
        group = place.parent if place.parts[0] in COMPILED else place
        item.add_marker(pytest.mark.xdist_group(str(group)))
