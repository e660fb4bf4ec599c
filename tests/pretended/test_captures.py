"""What may not happen in a capture raises on the pretended GPU as on a real one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from tests.pretended import driver
from tests.pretended.capturing import captured
from tests.pretended.watch import assert_clean

SPOILED = "previous error during capture"
NOT_PINNED = "unless the CPU tensor is pinned"  # says torch, before the driver is asked


def recorded() -> torch.cuda.Event:
    event = torch.cuda.Event()
    event.record()
    return event


WAITS: dict[str, Callable[[Tensor, torch.cuda.Event], object]] = {
    "item": lambda x, _: x.sum().item(),
    "truth": lambda x, _: bool(x[0] == 1),
    "copy": lambda x, _: x.cpu(),
    "sizes that are values": lambda x, _: x.nonzero(),
    "stream": lambda x, _: torch.cuda.current_stream().synchronize(),
    "another stream": lambda x, _: torch.cuda.Stream().synchronize(),
    "device": lambda x, _: torch.cuda.synchronize(),
    "event": lambda x, event: event.synchronize(),
    "asking an event": lambda x, event: event.query(),
}


@pytest.mark.parametrize("kind", WAITS)
def test_the_host_waits(kind: str) -> None:
    x, event = torch.ones(4, device="cuda"), recorded()
    torch.cuda.Stream()  # with the first torch makes all
    with (
        pytest.raises(RuntimeError, match=f"{NOT_PINNED}|capturing"),
        captured(),
    ):
        WAITS[kind](x, event)
    x += 1
    assert x.tolist() == [2, 2, 2, 2], "the device is as good as before"


def test_memory_is_allocated_by_torch_alone() -> None:
    """Its allocator tells the driver that it knows what it does."""
    with captured() as graph:
        big = torch.ones(5 << 20, device="cuda")
    graph.replay()
    assert big.sum() == 5 << 20
    place = ctypes.c_void_p()
    with pytest.raises(RuntimeError, match=SPOILED), captured():
        error = driver.library.cudaMalloc(ctypes.byref(place), ctypes.c_size_t(512))
        assert driver.library.cudaGetLastError() == error != 0


def test_a_stream_that_is_not_joined() -> None:
    x, side = torch.ones(4, device="cuda"), torch.cuda.Stream()
    with pytest.raises(RuntimeError, match="unjoined work"), captured():
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            x.add_(1)


def test_a_stream_that_is_joined_by_way_of_another() -> None:
    x, sides = torch.ones(4, device="cuda"), (torch.cuda.Stream(), torch.cuda.Stream())
    with captured() as graph:
        before = torch.cuda.current_stream()
        for side in sides:
            side.wait_stream(before)
            with torch.cuda.stream(side):
                x.mul_(2)
            before = side
        torch.cuda.current_stream().wait_stream(before)
    graph.replay()
    assert x.tolist() == [4, 4, 4, 4]


def test_an_event_from_outside() -> None:
    event = recorded()
    with pytest.raises(RuntimeError, match="uncaptured work in another stream"), captured():
        torch.cuda.current_stream().wait_event(event)


def test_an_event_of_a_capture_that_is_over() -> None:
    event = torch.cuda.Event()
    x = torch.ones(4, device="cuda")
    with captured():
        x.add_(1)
        event.record()
    with pytest.raises(RuntimeError, match="last recorded in a capturing stream"):
        torch.cuda.Stream().wait_event(event)


def test_memory_that_is_not_pinned() -> None:
    """Torch refuses it itself; whoever asks the driver hears the same."""
    host, x = torch.arange(4.0), torch.zeros(4, device="cuda")
    with pytest.raises(RuntimeError, match=NOT_PINNED), captured():
        x.copy_(host, non_blocking=True)
    copy, places = driver.library.cudaMemcpyAsync, (x.data_ptr(), host.data_ptr())
    with pytest.raises(RuntimeError, match=SPOILED), captured():
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        error = copy(*map(ctypes.c_void_p, places), ctypes.c_size_t(16), 1, stream)
        assert driver.library.cudaGetLastError() == error != 0


def test_memory_that_is_pinned() -> None:
    pinned, x = torch.arange(4.0).pin_memory(), torch.zeros(4, device="cuda")
    with captured() as graph:
        x.copy_(pinned, non_blocking=True)
    pinned += 1
    graph.replay()
    assert x.tolist() == [1, 2, 3, 4]


def test_work_outside_of_the_capture_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """CUDA takes it without a word, and does it once."""
    x, y, side = torch.ones(4, device="cuda"), torch.ones(4, device="cuda"), torch.cuda.Stream()
    with captured() as graph:
        y.mul_(2)
        with torch.cuda.stream(side):
            x.mul_(2)
    with pytest.raises(AssertionError, match="outside"):
        assert_clean()
    assert "outside of the capture" in capfd.readouterr().err
    graph.replay()
    assert x.tolist() == [2, 2, 2, 2] == y.tolist(), "the graph has the other alone"


def test_other_threads_may_wait_meanwhile() -> None:
    x = torch.ones(4, device="cuda")
    with captured() as graph, ThreadPoolExecutor(1) as other:
        x.add_(1)
        assert other.submit(lambda: torch.ones(4, device="cuda").tolist()).result() == [1] * 4
        other.submit(torch.cuda.synchronize).result()
    graph.replay()
    assert x.tolist() == [2] * 4


def test_other_threads_may_not_where_the_capture_is_global() -> None:
    raises = pytest.raises(RuntimeError, match="capturing")
    with raises, captured("global"), ThreadPoolExecutor(1) as other:
        other.submit(torch.cuda.synchronize).result()


def test_two_captures_that_meet() -> None:
    """Torch begins no second one in a thread, so the driver is asked."""
    library, event, graph = driver.library, recorded(), ctypes.c_void_p()
    one, two = (torch.cuda.Stream(), torch.cuda.Stream())
    handles = [ctypes.c_void_p(stream.cuda_stream) for stream in (one, two)]
    assert [library.cudaStreamBeginCapture(handle, 1) for handle in handles] == [0, 0]
    event.record(one)
    with pytest.raises(RuntimeError, match="merge of separate capture sequences"):
        two.wait_event(event)
    ends = [library.cudaStreamEndCapture(handle, ctypes.byref(graph)) for handle in handles]
    assert ends == [901, 901], "both are spoiled"
    library.cudaGetLastError()
