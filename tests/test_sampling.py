"""Parameters are what they were asked to be, in one form; all that is wrong is said at once."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from proxyfuse import SamplingParams
from proxyfuse.errors import RequestError


@pytest.mark.parametrize("ids", [[4, 5], (4, 5), range(4, 6)])
def test_lists_become_tuples(ids: Any) -> None:
    params = SamplingParams(stop=["a", "b"], stop_token_ids=ids, allowed_token_ids=ids)
    assert params.stop == ("a", "b")
    assert params.stop_token_ids == params.allowed_token_ids == (4, 5)


def test_one_item_is_a_tuple_of_one_and_none_is_none() -> None:
    assert SamplingParams(stop="ab").stop == ("ab",)
    assert SamplingParams(stop_token_ids=7).stop_token_ids == (7,)  # type: ignore[arg-type]
    nothing: Any = {"stop": None, "stop_token_ids": None, "logit_bias": None}
    assert SamplingParams(**nothing) == SamplingParams()
    assert SamplingParams(allowed_token_ids=None).allowed_token_ids is None


def test_numbers_are_floats_where_floats_stand() -> None:
    params = SamplingParams(temperature=0, alpha=2, logit_bias={3: -1})
    assert [type(x) for x in (params.temperature, params.alpha)] == [float, float]
    assert repr(params.logit_bias) == "{3: -1.0}"


def test_a_caller_s_own_mapping_may_change_later() -> None:
    bias = {3: 1.0}
    params = SamplingParams(logit_bias=bias)
    bias[4] = 2.0
    assert params.logit_bias == {3: 1.0}


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        SamplingParams(n=0, top_p=7, stop=[b"x"], ignore_eos=1)  # type: ignore[arg-type, list-item]
    assert str(caught.value) == (
        "n: got 0, want a whole number from 1 to 1024; top_p: got 7, want a number above 0 and up"
        " to 1; stop: got (b'x',), want a string or a list of strings; ignore_eos: got 1, want True"
        " or False"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"best_of": 2, "beam": 1}, r"^best_of, beam: unknown, want some of n, temperature, "),
        (
            {"seed": -(2**63) - 1},
            "^seed: got -9223372036854775809, want a whole number from .*None",
        ),
        ({"stop_token_ids": [1, -2]}, "^stop_token_ids: got .*want token ids"),
        ({"stop_token_ids": b"ab"}, "^stop_token_ids: got b'ab'"),
        ({"allowed_token_ids": []}, "^allowed_token_ids: got no id"),
        ({"logit_bias": {-1: 0.0}}, "^logit_bias: got .*want a mapping of token ids to finite"),
        ({"logit_bias": [1]}, "^logit_bias: got"),
        ({"min_tokens": 9, "max_tokens": 8}, "^min_tokens: got 9, want at most max_tokens=8"),
        ({"stop": ["a", ""]}, "^stop: got an empty string"),
        ({"max_tokens": 1.0}, "^max_tokens: got 1.0, want a whole number of at least 1, or None"),
        ({"stop": "x" * 999}, None),
        ({"temperature": "x" * 999}, "^temperature: got 'x{79}, want"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_was_got_and_what_is_wanted(fields: dict[str, Any], message: str | None) -> None:
    if message is None:
        SamplingParams(**fields)
        return
    with pytest.raises(RequestError, match=message):
        SamplingParams(**fields)


def test_frozen_and_yet_copied() -> None:
    params = SamplingParams(temperature=0.5, stop=["a"], logit_bias={1: 2.0})
    with pytest.raises(FrozenInstanceError):
        params.temperature = 1.0  # type: ignore[misc]
    for same in (copy.copy(params), copy.deepcopy(params), pickle.loads(pickle.dumps(params))):
        assert same == params and same.stop == ("a",)
    assert replace(params, n=2) == SamplingParams(
        n=2, temperature=0.5, stop=("a",), logit_bias={1: 2.0}
    )
    with pytest.raises(RequestError, match="n: "):
        replace(params, n=0)
