"""Lanes take, share, name and return pages; four slots a page for the base."""

from __future__ import annotations

from proxyfuse.cache import Geometry, KVShape, Ledger
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role, Trio

SHAPE = KVShape(1, 1, 8, 4)
GEOMETRY = Geometry(Trio(dict.fromkeys(Role, SHAPE)), page_size=4)


def ledger(pages: int = 9, *, caching: bool = True) -> Ledger:
    return Ledger(GEOMETRY, pages, caching=caching)


def sequence(*prompts: tuple[int, ...], n: int = 1, given: int = 0) -> Sequence:
    roles = tuple(Role)[: len(prompts)]
    lanes = Trio({role: Lane(prompt) for role, prompt in zip(roles, prompts, strict=True)})
    return Sequence(
        "r", 0, SamplingParams(n=n), 1.0, 0, lanes, continuation=[0] * given, given=given
    )


def compute(ledger: Ledger, sequence: Sequence, stop: int) -> None:
    """Run the base's lane up to `stop`, and publish."""
    assert ledger.cover(sequence, [stop])
    sequence.lanes.base.computed = stop
    ledger.publish(sequence, Role.BASE, sequence.lanes.base)


def test_all_lanes_are_covered_or_none() -> None:
    books, one = ledger(5), sequence((1,), (2,), (3,))
    assert not books.cover(one, [5, 8, 8])
    assert not any(lane.pages for lane in one.lanes.values()) and books.pool.held == 0
    assert books.cover(one, [4, 8, 8]) and books.pool.held == 5
    assert [len(lane.pages) for lane in one.lanes.values()] == [1, 2, 2]
    assert books.cover(one, [1, 8, 5]) and not books.cover(one, [5, 8, 8])
    books.check([one])


def test_only_full_pages_are_published_and_found_again() -> None:
    books, prompt = ledger(), tuple(range(14))
    first, second = sequence(prompt), sequence(prompt)
    compute(books, first, 11)
    assert first.lanes.base.published == 2
    assert books.match(second) == [first.lanes.base.pages[:2]]
    books.adopt(second, books.match(second))
    assert second.lanes.base.computed == 8 and books.pool.holders(first.lanes.base.pages[0]) == 2
    books.check([first, second])
    books.release(first)
    assert (books.pool.held, books.pool.cached) == (2, 0)
    books.release(second)
    assert (books.pool.held, books.pool.cached) == (0, 2)


def test_a_match_ends_before_the_next_row() -> None:
    books = ledger()
    compute(books, sequence(tuple(range(12))), 12)
    assert [len(books.match(sequence(tuple(range(n))))[0]) for n in (4, 5, 8, 9, 12, 13)] == [
        *(0, 1, 1, 2, 2, 3)
    ]
    scored = sequence(tuple(range(6)), given=6)
    scored.continuation = list(range(6, 12))
    assert len(books.match(scored)[0]) == 1  # row 0 sits on position 5


def test_a_hit_that_is_held_costs_nothing_and_one_that_is_cached_its_page() -> None:
    books, prompt = ledger(), tuple(range(14))
    first, second = sequence(prompt), sequence(prompt)
    compute(books, first, 14)
    assert books.price(second, books.match(second)) == 1
    books.release(first)
    assert books.price(second, books.match(second)) == 4


def test_the_last_given_token_needs_no_page() -> None:
    books = ledger()
    assert books.owed(sequence((1, 2, 3))) == 1
    assert books.owed(sequence((1, 2, 3), given=2)) == 1
    assert books.owed(sequence((1, 2, 3), given=3)) == 2


def test_names_are_known_before_the_page_is() -> None:
    books, prompt = ledger(), tuple(range(14))
    first, second = sequence(prompt), sequence(prompt)
    names = list(books.fills(first, [9]))
    assert len(names) == 2
    found = books.match(second)
    assert found == [[]] and list(books.misses(second, found)) == names[:1]
    compute(books, first, 9)
    assert [books.pool.lookup(name) for name in names] == first.lanes.base.pages[:2]


def test_drafts_name_no_page() -> None:
    books, one = ledger(), sequence((1, 2, 3))
    assert list(books.fills(one, [4])) == []
    one.continuation = [4]
    assert len(list(books.fills(one, [4]))) == 1


def test_names_taken_over_from_a_sibling_are_its_own() -> None:
    books, prompt = ledger(), tuple(range(14))
    first, second, alone = (sequence(prompt, n=2) for _ in range(3))
    first.continuation, second.continuation, alone.continuation = [1, 1], [2, 2], [2, 2]
    list(books.fills(first, [16]))
    assert len(first.lanes.base.hashes) == 4
    books.match(second, first)
    assert second.lanes.base.hashes == first.lanes.base.hashes[:3]
    assert list(books.fills(second, [16])) == list(books.fills(alone, [16]))


def test_without_caching_only_siblings_share_and_only_while_held() -> None:
    books, prompt = ledger(caching=False), tuple(range(14))
    first, sibling, stranger = sequence(prompt, n=2), sequence(prompt, n=2), sequence(prompt, n=2)
    stranger.request_id = "other"
    compute(books, first, 14)
    assert len(books.match(sibling)[0]) == 3 and books.match(stranger) == [[]]
    books.release(first)
    assert books.match(sibling) == [[]] and books.pool.free == 9
