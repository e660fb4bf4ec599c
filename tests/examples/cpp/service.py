"""The example service as a process, and what its clients do."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Service:
    process: subprocess.Popen[str]
    port: int

    def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers of one answer that is no stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.getheaders())

    def stats(self) -> dict[str, int]:
        status, stats, _ = self.call("GET", "/stats")
        assert status == 200
        return stats

    def stream(self, **request: Any) -> Stream:
        return Stream(self.port, json.dumps(request).encode())

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit status and the last line of stdout."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said.strip().splitlines()[-1]


class Stream:
    """One request whose events are read as they come."""

    def __init__(self, port: int, body: bytes) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("POST", "/generate", body)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        assert self._answer.getheader("Content-Type") == "text/event-stream"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in self._answer:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))

    def leave(self) -> None:
        """Go without a word, as a client that crashed."""
        self._answer.close()
        self._connection.close()


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[Service]:
    """The service from when it listens; killed at the end unless it has ended itself."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line
        yield Service(process, int(line.rsplit(":", 1)[1]))
    finally:
        process.kill()
        process.communicate()


def until(holds: Any, seconds: float = 20.0) -> None:
    """Waits until `holds()`; fails when it does not come to pass."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
