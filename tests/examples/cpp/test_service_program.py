"""examples/cpp/service under clients that share it, flood it, leave it and send it garbage."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.examples.cpp.service import Service, running, until

LONG = {"prompt": "a", "max_tokens": 100, "ignore_eos": True, "seed": 1}


@pytest.fixture(scope="module")
def command(examples: Path, options: list[str]) -> list[str]:
    if not (examples / "service").exists():
        pytest.skip("the service needs cpp-httplib and nlohmann-json")
    small = options[options.index("--antiexpert") + 1]  # alone: it loads in no time
    end = options[options.index("--venv") :]
    return [str(examples / "service"), "--base", small, *end, "--threads", "1", "--port", "0"]


@pytest.fixture(scope="module")
def service(command: list[str], environment: dict[str, str]) -> Iterator[Service]:
    with running([*command, "--seats", "4"], environment) as service:
        yield service


def text(events: list[dict[str, Any]]) -> str:
    assert [event.get("finish_reason") for event in events[:-1]] == [None] * (len(events) - 1)
    assert events[-1]["finish_reason"] in ("stop", "length")
    return "".join(event["text"] for event in events)


def test_streams_beside_each_other_write_what_each_writes_alone(service: Service) -> None:
    def ask(seed: int) -> str:
        return text(list(service.stream(prompt="Once upon a time", max_tokens=12, seed=seed)))

    alone = [ask(seed) for seed in range(4)]
    assert len(set(alone)) > 1
    with ThreadPoolExecutor(4) as clients:
        assert list(clients.map(ask, range(4))) == alone


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "no JSON"),
        (b'{"prompt": "a"', "no JSON"),
        (b'{"prompt": "\xff"}', "no JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "either prompt or messages"),
        (b'{"messages": []}', "either prompt or messages"),
        (b'{"prompt": "a", "n": 2}', "unknown field: n"),
        (b'{"prompt": 5}', "prompt: got 5"),
        (b'{"prompt": [1, 99999999999]}', "99999999999, want a token id"),
        (b'{"prompt": "a", "max_tokens": 1.5}', "max_tokens: got 1.5"),
        (b'{"prompt": "a", "max_tokens": 0}', "max_tokens"),
        (b'{"prompt": "a", "temperature": -1}', "temperature"),
        (b'{"prompt": "a", "seed": -1}', "seed: got -1"),
        (b'{"prompt": "a", "stop": ["x", 1]}', "stop: got 1"),
        (b'{"prompt": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "lists in lists"),
    ],
)
def test_garbage_is_refused(service: Service, body: bytes, named: str) -> None:
    status, answer, _ = service.call("POST", "/generate", body)
    assert status == 400
    assert named in answer["error"]


def test_more_than_there_are_seats_for_come_back_later(service: Service) -> None:
    streams = [service.stream(**LONG) for _ in range(4)]
    status, answer, headers = service.call("POST", "/generate", b'{"prompt": "a"}')
    assert (status, answer) == (503, {"error": "every seat is taken"})
    assert int(headers["Retry-After"]) >= 1
    assert service.call("GET", "/health")[:2] == (200, {"status": "ok"})
    assert len({text(list(stream)) for stream in streams}) == 1
    until(lambda: service.stats()["open_streams"] == 0)
    text(list(service.stream(prompt="a", max_tokens=1)))


def test_who_leaves_is_cancelled(service: Service) -> None:
    before = service.stats()["aborted"]
    streams = [service.stream(**LONG | {"max_tokens": 400}) for _ in range(3)]
    for stream in streams:
        next(iter(stream))
        stream.leave()
    until(lambda: service.stats()["open_streams"] == 0)
    until(lambda: service.stats()["pending"] == 0)
    assert service.stats()["aborted"] > before


def test_a_service_whose_engine_has_failed_says_so(
    command: list[str], environment: dict[str, str]
) -> None:
    """The engine is the stub of tests/embed, of which a prompt can ask to fail for good."""
    stub = {"PROXYFUSE_PYTHONPATH": str(Path(__file__).parents[2] / "embed" / "stub")}
    with running(command, environment | stub) as service:
        assert service.call("GET", "/health")[:2] == (200, {"status": "ok"})
        (last,) = service.stream(prompt="deadly")
        assert last["finish_reason"] == "error"
        why = "failed: ZeroDivisionError: a broken step"
        until(lambda: service.call("GET", "/health")[:2] == (503, {"status": why}))
        status, answer, _ = service.call("POST", "/generate", b'{"prompt": "a"}')
        assert status == 503
        assert why in answer["error"]
        assert service.stats()["failed"] == 1
        assert service.end()[0] == 0


def test_other_paths_and_sizes_are_answered(service: Service) -> None:
    assert service.call("GET", "/nowhere")[0] == 404
    assert service.call("POST", "/generate", b" " * (1 << 20) + b"{}")[0] == 413


def test_sigterm_in_the_middle_ends_streams_properly(
    command: list[str], environment: dict[str, str]
) -> None:
    with running([*command, "--drain-seconds", "0"], environment) as service:
        stream = service.stream(**LONG | {"max_tokens": 400})
        events = iter(stream)
        next(events)
        assert service.end() == (0, "cancelled what was left")
        assert list(events)[-1]["finish_reason"] == "abort"


def test_sigterm_lets_requests_finish_that_can(
    command: list[str], environment: dict[str, str]
) -> None:
    with running([*command, "--drain-seconds", "30"], environment) as service:
        stream = service.stream(**LONG)
        assert service.end() == (0, "finished all requests")
        text(list(stream))
