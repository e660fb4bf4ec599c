"""Stop strings end a text where they are first complete, and nothing printed is ever taken back."""

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxyfuse.sampling import SamplingParams
from proxyfuse.text.stopping import StopMatcher, TextStream
from proxyfuse.text.tokenizer import Tokenizer


def cut_at_once(text: str, stops: list[str], *, include: bool) -> tuple[str, str | None]:
    """The oracle: try every end of the text in order, and at each the longest stop string."""
    for end in range(1, len(text) + 1):
        for stop in sorted(stops, key=len, reverse=True):
            if text[:end].endswith(stop):
                return text[: end if include else end - len(stop)], stop
    return text, None


def pieces(text: str, cuts: list[int]) -> list[str]:
    borders = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(borders)]


words = st.text("ab", min_size=1, max_size=5)


@settings(max_examples=500, deadline=None)
@given(
    text=st.text("abc", max_size=30),
    stops=st.lists(words, min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 99), max_size=8),
    include=st.booleans(),
)
def test_the_cut_depends_on_the_text_alone(
    text: str, stops: list[str], cuts: list[int], include: bool
) -> None:
    matcher = StopMatcher(stops, include=include)
    got = "".join([*map(matcher.push, pieces(text, cuts)), matcher.flush()])
    assert (got, matcher.matched) == cut_at_once(text, stops, include=include)


@settings(max_examples=300, deadline=None)
@given(text=st.text("abc", max_size=30), stops=st.lists(words, min_size=1, max_size=3))
def test_only_what_may_begin_a_stop_string_is_held_back(text: str, stops: list[str]) -> None:
    matcher = StopMatcher(stops)
    shown = ""
    for at, character in enumerate(text, start=1):
        shown += matcher.push(character)
        if matcher.matched is not None:
            return
        held = text[len(shown) : at]
        assert shown + held == text[:at]
        longest = max(
            (len(s[:n]) for s in stops for n in range(len(s)) if text[:at].endswith(s[:n])),
            default=0,
        )
        assert len(held) == longest


def test_a_long_stop_string_costs_a_constant_per_character() -> None:
    """The worst text for a naive matcher: a stop string that nearly matches everywhere."""
    matcher = StopMatcher(["a" * 20_000 + "b"])
    text = "a" * 60_000
    shown = "".join(matcher.push(text[at : at + 100]) for at in range(0, len(text), 100))
    assert shown + matcher.flush() == text
    assert len(shown) == 40_000


def test_no_stop_strings_hold_nothing() -> None:
    matcher = StopMatcher([])
    assert matcher.push("everything") == "everything"
    assert matcher.flush() == ""


def stream(tokenizer: Tokenizer, prompt: str = "Hello", **params: object) -> TextStream:
    return TextStream(tokenizer, tokenizer.encode(prompt), SamplingParams(**params))


def test_a_stop_string_over_token_borders_stops_at_its_token(
    trained: dict[str, Tokenizer],
) -> None:
    tokenizer = trained["byte_level"]
    ids = tokenizer.encode("The fox zqxj and more", special=False)
    assert not any("zqxj" in (tokenizer.piece(token) or "") for token in ids)
    one_by_one = stream(tokenizer, stop="zqxj")
    shown, used = "", 0
    for token in ids:
        written = one_by_one.push([token])
        shown += written.text
        used += written.used
        if written.stop:
            break
    assert (shown, one_by_one.stop) == ("The fox ", "zqxj")
    assert tokenizer.decode(ids[:used]).endswith("zqxj")
    at_once = stream(tokenizer, stop="zqxj").push(ids)
    assert at_once == ("The fox ", "zqxj", used)


def test_nothing_comes_after_a_stop_string(trained: dict[str, Tokenizer]) -> None:
    tokenizer = trained["byte_level"]
    ids = tokenizer.encode("lazy dog", special=False)
    text = stream(tokenizer, stop=["lazy"], include_stop_str_in_output=True)
    assert text.push(ids).text == "lazy"
    assert text.push(ids) == ("", "lazy", 0)
    assert text.finish() == ""


def test_skipped_specials_do_not_match(trained: dict[str, Tokenizer]) -> None:
    tokenizer = trained["byte_level"]
    ids = tokenizer.encode("fox<|im_end|>dog", special=False)
    hidden = stream(tokenizer, stop="<|im_end|>")
    assert hidden.push(ids).text + hidden.finish() == "foxdog"
    shown = stream(tokenizer, stop="<|im_end|>", skip_special_tokens=False)
    assert shown.push(ids)[:2] == ("fox", "<|im_end|>")


def test_stop_strings_wait_for_min_tokens(trained: dict[str, Tokenizer]) -> None:
    tokenizer = trained["byte_level"]
    ids = tokenizer.encode("!!!!", special=False)
    assert len(ids) == 4
    written = stream(tokenizer, stop="!", min_tokens=2).push(ids)
    assert written == ("!!", "!", 3)


def test_a_stop_string_in_the_flushed_bytes_counts(trained: dict[str, Tokenizer]) -> None:
    tokenizer = trained["llama"]
    text = stream(tokenizer, stop="🦄")
    ids = tokenizer.encode("🦄🦄", special=False)
    start = text.push(ids).text
    assert (start + text.finish(), text.stop) == (" ", "🦄")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_streams_agree_with_the_whole_text(
    trained: dict[str, Tokenizer], data: st.DataObject
) -> None:
    tokenizer = trained[data.draw(st.sampled_from(sorted(trained)))]
    prompt = tokenizer.encode("Hello")
    ids = data.draw(st.lists(st.integers(0, tokenizer.size), max_size=15))
    whole = tokenizer.decode(prompt + ids)[len(tokenizer.decode(prompt)) :]
    at = data.draw(st.integers(0, len(whole)))
    stop = whole[at : at + data.draw(st.integers(1, 4))] or "zz"
    text = TextStream(tokenizer, prompt, SamplingParams(stop=stop))
    cut = data.draw(st.integers(0, len(ids)))
    got = text.push(ids[:cut]).text + text.push(ids[cut:]).text + text.finish()
    assert (got, text.stop) == cut_at_once(whole, [stop], include=False)


@pytest.mark.parametrize("string", ["aab", "abab", "aaaa", "a.b"])
def test_overlapping_beginnings_are_followed(string: str) -> None:
    text = f"xx{string[:-1]}{string}yy"
    matcher = StopMatcher([string])
    got = "".join(map(matcher.push, text)) + matcher.flush()
    match = re.search(re.escape(string), text)
    assert match is not None
    assert got == text[: match.start()]
