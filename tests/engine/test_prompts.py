"""Whatever a caller writes is understood, or refused by type before it reaches the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from proxyfuse import Prompt, SamplingParams
from proxyfuse.engine.prompts import as_params, as_prompt, as_prompts, pair_up
from proxyfuse.engine.prompts import tokenize_continuation as continuation
from proxyfuse.errors import RequestError


def test_one_or_many_strings_ids_or_prompts() -> None:
    assert as_prompts("a") == [Prompt("a")]
    assert as_prompts([4, 5]) == [Prompt([4, 5])]
    assert as_prompts(["a", (4, 5), Prompt("b")]) == [Prompt("a"), Prompt((4, 5)), Prompt("b")]
    assert as_prompts([]) == []


@pytest.mark.parametrize(
    "got",
    [
        None,
        5,
        b"ab",
        {"a"},
        {"prompt": "a"},
        np.array([1, 2]),
        pytest.param(iter(["a"]), id="an iterator"),
    ],
    ids=repr,
)
def test_what_is_no_prompt_is_refused(got: Any) -> None:
    with pytest.raises(RequestError, match=r"^prompts: got "):
        as_prompts(got)


@pytest.mark.parametrize(
    "got",
    [
        None,
        b"ab",
        bytearray(b"ab"),
        [[1]],
        [np.int64(1)],
        [True],
        [1, "a"],
        Prompt("a", expert=b""),
    ],
    ids=repr,
)
def test_what_is_not_one_prompt_is_refused(got: Any) -> None:
    with pytest.raises(RequestError, match=r"prompt: got "):
        as_prompt(got)


@pytest.mark.parametrize(
    "got",
    [5, False, {}, {"n": 1}, "x", SamplingParams, pytest.param(iter(()), id="an iterator")],
    ids=repr,
)
def test_what_are_no_parameters_is_refused(got: Any) -> None:
    for read in (as_params, lambda params: pair_up(params, 1)):
        with pytest.raises(RequestError, match=r"^sampling_params: got .*want SamplingParams"):
            read(got)


@pytest.mark.parametrize("got", [None, 5, b"ab", [1.5], [True], [np.int64(3)], ["a"]], ids=repr)
def test_what_is_no_continuation_is_refused(got: Any) -> None:
    with pytest.raises(RequestError, match=r"^continuation: got .*want a string or"):
        continuation(None, Prompt([1]), got)
