"""The engine's own thread: everything that happens to the engine happens here, in order."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from proxyfuse.engine.core import Engine
from proxyfuse.engine.request import Request
from proxyfuse.errors import EngineError

log = logging.getLogger(__name__)


class EngineLoop:
    """Feeds one engine from any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._inbox: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._open = True
        self._gate = threading.Lock()  # nothing enters the inbox behind the closing None
        self._thread = threading.Thread(target=self._run, name="proxyfuse-engine", daemon=True)
        self._thread.start()

    def submit(self, requests: list[Request]) -> None:
        """Queue checked requests together, in order.

        Raises `EngineError` once closed, and in a process that was forked from the engine's own.
        """
        self._post(lambda: self._engine.add(requests))

    def abort(self, request_id: str) -> None:
        """End a request wherever it stands; ignored for one that is unknown, or over."""
        with suppress(EngineError):  # a closed engine has ended them all
            self._post(lambda: self._engine.abort(request_id))

    def close(self) -> None:
        """Abort what is running, stop the thread and wait for it. Safe to call twice."""
        with self._gate:
            if self._open:
                self._open = False
                self._inbox.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _post(self, action: Callable[[], object]) -> None:
        with self._gate:
            if not self._open:
                raise EngineError("got a request for an engine that was closed, want an open one")
            if not self._thread.is_alive():
                raise EngineError("got a request in a forked process, want an engine made in it")
            self._inbox.put(action)

    def _run(self) -> None:
        while True:
            try:
                if not self._take():
                    break
                self._engine.step()
            except BaseException as failure:  # without this thread callers would wait for good
                log.exception("a step failed; its requests end with an error")
                self._engine.fail_all(failure)
        self._engine.stop()

    def _take(self) -> bool:
        """Do what has come in, waiting for something while idle; False once closed."""
        while True:
            try:
                action = self._inbox.get(block=not self._engine.busy)
            except queue.Empty:
                return True
            if action is None:
                return False
            action()
