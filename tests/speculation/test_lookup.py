"""What followed when the latest tokens stood together before, against a search of the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.speculation.lookup import PLACES, Lookup

Tokens = list[int]


def searched(text: Tokens, most: int) -> tuple[int, ...]:
    """After the last of the places that most of the latest tokens lead to; into itself, too."""
    places = [at for at in range(len(text) - 1, 1, -1) if text[at - 2 : at] == text[-2:]]
    for size in (4, 3, 2):
        for at in places[:PLACES]:
            if at >= size and text[at - size : at] == text[-size:]:
                grown = list(text)
                for step in range(most):
                    grown.append(grown[at + step])
                return tuple(grown[len(text) :])
    return ()


@given(st.lists(st.lists(st.integers(0, 2), max_size=7), max_size=9), st.integers(1, 9))
def test_it_finds_what_a_search_of_the_text_finds(pieces: list[Tokens], most: int) -> None:
    lookup, text = Lookup(), list[int]()
    for piece in pieces:
        lookup.extend(piece)
        text += piece
        assert lookup.known == len(text)
        assert lookup.propose(most) == searched(text, most)


def test_the_longest_match_is_believed() -> None:
    lookup = Lookup()
    lookup.extend([1, 2, 3, 4, 50, 9, 3, 4, 60, 1, 2, 3, 4])
    assert lookup.propose(2) == (50, 9)
    lookup.extend([60])
    assert lookup.propose(3) == (1, 2, 3)
    lookup.extend([77])
    assert lookup.propose(3) == ()
