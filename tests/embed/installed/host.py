"""A Python program that loads libproxyfuse: one interpreter, one lock, and nobody hangs.

host.py LIBRARY DEMO: prints the text that the library writes; ends with an engine still open.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Any

LIBRARY, DEMO = sys.argv[1:3]
HEARD = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
PyLib = ctypes.PyDLL(LIBRARY)  # calls keep Python's lock: the library must let go of it itself
Lib = ctypes.CDLL(LIBRARY)  # calls let go of it
for lib in (PyLib, Lib):
    lib.proxyfuse_last_error.restype = ctypes.c_char_p
    lib.proxyfuse_output_text.restype = ctypes.c_void_p


def good(status: int) -> None:
    assert status == 0, PyLib.proxyfuse_last_error()


def opened(lib: Any, **more: str) -> ctypes.c_void_p:
    options, engine = ctypes.c_void_p(), ctypes.c_void_p()
    good(PyLib.proxyfuse_options_create(ctypes.byref(options)))
    fields = {role: f"{DEMO}/{role}" for role in ("base", "expert", "antiexpert")}
    fields |= {"device": "cpu", "kv_cache_bytes": str(1 << 24)} | more
    for name, value in fields.items():
        good(PyLib.proxyfuse_options_set(options, name.encode(), value.encode()))
    good(lib.proxyfuse_engine_create(options, ctypes.byref(engine)))
    PyLib.proxyfuse_options_destroy(options)
    return engine


def ask(lib: Any, engine: ctypes.c_void_p, prompt: str, tokens: int) -> str:
    """The whole text, heard piece by piece on a thread of the library's."""
    texts: list[str] = []

    def hear(output: int, _: int) -> None:
        size = ctypes.c_size_t()
        text = PyLib.proxyfuse_output_text(
            ctypes.c_void_p(output), ctypes.c_size_t(0), ctypes.byref(size)
        )
        texts.append(ctypes.string_at(text, size.value).decode())

    request, number, callback = ctypes.c_void_p(), ctypes.c_uint64(), HEARD(hear)
    good(lib.proxyfuse_request_create(ctypes.byref(request)))
    data = prompt.encode()
    good(lib.proxyfuse_request_text(request, 0, data, ctypes.c_size_t(len(data))))
    for name, value in (("max_tokens", str(tokens)), ("temperature", "0")):
        good(lib.proxyfuse_request_set(request, name.encode(), value.encode()))
    good(lib.proxyfuse_submit(engine, request, callback, None, ctypes.byref(number)))
    good(lib.proxyfuse_await(engine, number, ctypes.c_int64(60_000)))
    lib.proxyfuse_request_destroy(request)
    return "".join(texts)


def main() -> None:
    marker = sys.modules[__name__]
    engine = opened(PyLib)
    assert "proxyfuse.engine.service" in sys.modules, "a second interpreter was started"
    assert sys.modules[__name__] is marker
    threading = importlib.import_module("threading")  # here: nobody but the library imported it
    assert threading.main_thread() is threading.current_thread(), "a thread of its passes for ours"
    texts = [ask(lib, engine, "Q: 47 + 38 = ?", 16) for lib in (PyLib, Lib)]
    threads = [
        threading.Thread(target=lambda: texts.append(ask(PyLib, engine, "Q: 47 + 38 = ?", 16)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other = opened(Lib)
    good(PyLib.proxyfuse_shutdown(engine, ctypes.c_int64(0)))
    PyLib.proxyfuse_engine_destroy(engine)
    texts.append(ask(Lib, other, "Q: 47 + 38 = ?", 16))
    assert len(texts) == 11
    (text,) = set(texts)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
