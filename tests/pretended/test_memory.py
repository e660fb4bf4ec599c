"""Memory of the pretended GPU: blocks that are taken, given back and taken again."""

from __future__ import annotations

import ctypes

import pytest
import torch

from tests.pretended import driver
from tests.pretended.aliases import Beyond, alias

MEGABYTES = 1 << 20


def taken(size: int) -> int:
    place = ctypes.c_void_p()
    assert driver.library.cudaMalloc(ctypes.byref(place), ctypes.c_size_t(size)) == 0
    assert place.value is not None
    return place.value


def free(place: int) -> int:
    error = int(driver.library.cudaFree(ctypes.c_void_p(place)))
    driver.library.cudaGetLastError()  # else torch would be told with its next call
    return error


def test_a_block_that_was_given_back_is_taken_again() -> None:
    before = driver.used(0)
    blocks = [taken(MEGABYTES) for _ in range(3)]
    assert len(set(blocks)) == 3 and driver.used(0) == before + 3 * MEGABYTES
    assert free(blocks[0]) == free(blocks[1]) == 0
    both = taken(2 * MEGABYTES)
    assert both == min(blocks[:2]), "neighbours that are given back are one gap"
    assert free(both) == free(blocks[2]) == 0
    assert driver.used(0) == before
    assert free(both) != 0, "nothing is given back twice"


def test_memory_that_was_given_back_holds_nan() -> None:
    place = taken(MEGABYTES)
    ctypes.memset(place, 0xAB, MEGABYTES)
    free(place)
    assert taken(MEGABYTES) == place
    assert set(ctypes.string_at(place, MEGABYTES)) == {0xFF}
    free(place)


def test_torch_gives_back_what_it_took() -> None:
    torch.cuda.empty_cache()
    before = driver.used(0)
    x = torch.zeros(64 * MEGABYTES, dtype=torch.uint8, device="cuda")
    assert driver.used(0) == before + 64 * MEGABYTES
    assert torch.cuda.mem_get_info()[1] - torch.cuda.mem_get_info()[0] == driver.used(0)
    del x
    torch.cuda.empty_cache()
    assert driver.used(0) == before


def test_a_tensor_beyond_its_block() -> None:
    place = taken(MEGABYTES)
    storage = torch._C._construct_storage_from_data_pointer(
        place, torch.device("cuda:0"), 2 * MEGABYTES
    )
    x = torch.empty(0, dtype=torch.uint8, device="cuda").set_(storage, 0, (MEGABYTES + 1,), (1,))
    assert len(alias(x[:-1])) == MEGABYTES
    with pytest.raises(Beyond):
        alias(x)
    with pytest.raises(Beyond):
        x.add_(1)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        x.cpu()
    free(place)


def test_more_than_there_is() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(torch.cuda.mem_get_info()[1] + 1, dtype=torch.uint8, device="cuda")
