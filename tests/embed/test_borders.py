"""C++ refuses the parameters that Python refuses, and no others: asked of both at every border."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import SamplingParams
from proxyfuse.config import EngineConfig
from proxyfuse.errors import EngineError, ProxyFuseError, RequestError
from proxyfuse.sampling import FLOAT32_MOST

UNKNOWN = 14  # PROXYFUSE_UNKNOWN
WHOLE = (-(2**63), -101, -2, -1, 0, 1, 15, 16, 17, 999, 1000, 1001, 1024, 1025)
LARGE = (2**31 - 1, 2**31, 2**63 - 1)
ABOVE_ONE = math.nextafter(1.0, 2.0)
REAL = (
    *(-math.inf, -3.5e38, -FLOAT32_MOST, -100.00000001, -100.0, -1.0, -5e-324, -0.0, 0.0),
    *(5e-324, 0.5, 1.0, ABOVE_ONE, 100.0, 100.00000001, FLOAT32_MOST, 3.5e38, math.inf, math.nan),
)
WHOLES = ("n", "top_k", "max_tokens", "min_tokens", "logprobs", "prompt_logprobs")
REALS = (
    *("temperature", "top_p", "min_p", "alpha"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
)
LISTS = ("stop_token_ids", "allowed_token_ids")
CASES: list[tuple[str, Any, str]] = [
    *((name, value, str(value)) for name in WHOLES for value in WHOLE + LARGE),
    *((name, value, repr(value)) for name in REALS for value in REAL),
    *((name, (value,), str(value)) for name in LISTS for value in (-(2**31), -1, 0, 2**31 - 1)),
    *(("logit_bias", {token: 1.0}, f"{token}=1") for token in (-1, 0, 2**31 - 1)),
    *(("logit_bias", {0: bias}, f"0={bias!r}") for bias in REAL),
    *(("seed", seed, str(seed)) for seed in (0, 2**63, 2**64 - 1, 2**64)),
    *(("stop", (text,), text) for text in ("", "x", "é😀")),
    *((name, None, "none") for name in ("max_tokens", "logprobs", "alpha", "seed")),
]


@pytest.fixture(scope="module")
def library(native: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(native / "lib" / "libproxyfuse.so"))


@pytest.fixture
def request_(library: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
    made = ctypes.c_void_p()
    assert library.proxyfuse_request_create(ctypes.byref(made)) == 0
    yield made
    library.proxyfuse_request_destroy(made)


@pytest.mark.parametrize(("name", "value", "text"), CASES)
def test_both_say_the_same(
    library: ctypes.CDLL, request_: ctypes.c_void_p, name: str, value: Any, text: str
) -> None:
    try:
        SamplingParams(**{name: value})
        fine = True
    except RequestError:
        fine = False
    status = library.proxyfuse_request_set(request_, name.encode(), text.encode())
    status = status or library.proxyfuse_request_check(request_)
    assert (status == 0) == fine


def test_every_field_of_python_has_a_name(library: ctypes.CDLL, request_: ctypes.c_void_p) -> None:
    for name in (field.name for field in fields(SamplingParams)):
        status = library.proxyfuse_request_set(request_, name.encode(), b"0")
        assert status != UNKNOWN, name
    assert library.proxyfuse_request_set(request_, b"nonsense", b"0") == UNKNOWN


def every_error(root: type[ProxyFuseError] = ProxyFuseError) -> list[type[ProxyFuseError]]:
    """It and all of proxyfuse.errors that derive from it."""
    below = [one for child in root.__subclasses__() for one in every_error(child)]
    return [one for one in (root, *below) if one.__module__ == root.__module__]


@pytest.mark.parametrize("error", every_error())
def test_every_error_of_python_has_a_kind_of_its_own(
    library: ctypes.CDLL, error: type[ProxyFuseError]
) -> None:
    library.proxyfuse_status_name.restype = ctypes.c_char_p
    statuses = [library.proxyfuse_status_name(number) for number in range(UNKNOWN)]
    assert "kind" in vars(error), "a new class needs its own name, here and in ErrorKind"
    assert statuses.count(error.kind.encode()) == 1
    same = {other for other in every_error() if other.kind == error.kind}
    assert same <= {error, ProxyFuseError, EngineError}


def test_every_option_of_python_has_a_name(library: ctypes.CDLL) -> None:
    options = ctypes.c_void_p()
    assert library.proxyfuse_options_create(ctypes.byref(options)) == 0
    for name in (field.name for field in fields(EngineConfig)):
        assert library.proxyfuse_options_set(options, name.encode(), b"0") != UNKNOWN, name
    assert library.proxyfuse_options_set(options, b"nonsense", b"0") == UNKNOWN
    library.proxyfuse_options_destroy(options)
