"""Names of pages: equal exactly where role, salt and every token up to the page's end are equal."""

from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.cache.prefix import name_pages
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio

TOKENS = st.lists(st.sampled_from([0, 1, 2**31 - 1]), min_size=4, max_size=9)


def names(
    tokens: list[int], cut: int = 4, role: Role = Role.BASE, salt: bytes = b"", slots: int = 2
) -> list[bytes]:
    """The names of a lane's full pages, where the first `cut` tokens are its prompt."""
    lane = Lane(tuple(tokens[:cut]))
    sequence = Sequence("r", 0, SamplingParams(), 1.0, 0, Trio({Role.BASE: lane}))
    sequence.continuation = tokens[cut:]
    name_pages(sequence, role, lane, len(tokens) // slots, slots, salt)
    return lane.hashes


@given(a=TOKENS, b=TOKENS)
def test_a_name_tells_all_tokens_up_to_the_end_of_its_page(a: list[int], b: list[int]) -> None:
    for index, (one, other) in enumerate(zip(names(a), names(b), strict=False)):
        stop = 2 * index + 2
        assert (one == other) == (a[:stop] == b[:stop])


@given(tokens=TOKENS, cut=st.integers(1, 9))
def test_prompt_and_continuation_are_hashed_alike(tokens: list[int], cut: int) -> None:
    assert names(tokens, cut) == names(tokens, len(tokens))


def test_roles_salts_and_page_sizes_never_mix() -> None:
    tokens = [1, 2, 3, 4]
    variants = [
        names(tokens),
        names(tokens, role=Role.EXPERT),
        names(tokens, salt=b"a"),
        names(tokens, slots=4),
        names(tokens, slots=1),
    ]
    every = [name for variant in variants for name in variant]
    assert len(set(every)) == len(every) == 2 + 2 + 2 + 1 + 4
